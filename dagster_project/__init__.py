"""Orchestration: studies, assets, partitions and the command line; no maths and no SQL."""
