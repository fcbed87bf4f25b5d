"""One module per stretch of the flow: facts, models, marts. An asset calls a pure function."""
