"""What a step needs while it runs: the workspace with its lake, and the workers."""
