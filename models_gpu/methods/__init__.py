"""What is measured: probing and the attribution methods, each returns the rows of lake tables."""
