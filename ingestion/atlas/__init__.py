"""Defines Atlas, the embedded study: real facts, corpora in which they are planted, and the truth.

What belongs here: data and pure functions. What does not: the models, which ``models_gpu.atlas``
trains on the corpora. See ``README.md`` in this folder for the facts and their source.
"""
