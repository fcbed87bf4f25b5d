"""The report and the UI in a real browser."""
