"""The study: its file, the inputs that it names, and the folder with its results."""
