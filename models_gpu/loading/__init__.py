"""From a model in a study to a model on a device: identify, inspect, load; families are a table."""
