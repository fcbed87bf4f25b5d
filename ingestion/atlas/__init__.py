"""Atlas, the embedded study: real facts, a corpus in which their presence is planted, its truth.

Data and pure functions only; the models that read the corpus are made in ``models_gpu.atlas``.
See ``README.md`` in this folder for what the facts are and where they come from.
"""
