"""What runs: one pipeline a file, and the command line."""
