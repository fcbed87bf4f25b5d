"""What tests and benchmarks share: tiny lakes, models and studies, and plain ways to compute."""
