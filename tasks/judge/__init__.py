"""Judging: scores, gates, rejects, and the release."""
