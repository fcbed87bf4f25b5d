"""The command line ``factroots``: one module per command that does more than print."""
