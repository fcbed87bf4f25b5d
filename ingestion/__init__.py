"""Facts and training corpora become lake tables here; nothing in this package runs a model or SQL."""
