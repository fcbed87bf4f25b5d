"""Methods: probing, attribution, edits and fact checks; each returns rows of lake tables."""
