"""From what a study names to a model on a device: identify, inspect, load; families are a table."""
