"""Facts and training corpora become lake tables here; no model is run, and no SQL."""
