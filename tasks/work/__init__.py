"""What is done, and how it is known: stages, their digests, the lock, the log."""
