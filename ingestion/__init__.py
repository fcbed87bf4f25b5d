"""Turns facts and training corpora into lake tables. What does not belong here: models and SQL."""
