"""Fuzz tests: seeded, damaged inputs of every kind that a study names.

Three outcomes are allowed: the right rows, one clear error (``FactrootsError``), or lines that are
counted as rejected, broken or left out. A traceback is a failure, and so is a result that is
smaller than its input without a word. ``FACTROOTS_FUZZ=20`` runs twenty times as many cases, and
``FACTROOTS_FUZZ_SEED=7`` begins with another seed; a failure names the seed of its case.
"""
