"""The small models of the embedded study Atlas: recipe, tokenizer and shipped weights.

The recipe reads a folder of corpus files that ``ingestion.atlas.corpus`` writes, and nothing else.
"""
