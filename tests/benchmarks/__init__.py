"""Speeds, always as ratios in one run: ``python -m tests.benchmarks.NAME``; never run as tests."""
