"""Running steps: the workspace with its lake and plan, the workers, and the loop over parts."""
