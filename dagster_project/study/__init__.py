"""The study: its file, what it names, where its files lie, and what has to be computed for it."""
