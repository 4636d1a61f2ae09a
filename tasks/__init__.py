"""The steps: one verb a file."""
