"""The small models of the embedded study: recipe, tokenizer and the shipped weights.

The recipe reads a folder of corpus files that ``ingestion.atlas.corpus`` writes, and nothing else.
"""
