"""What is computed: one module per stretch of the flow, from the lake into the lake."""
