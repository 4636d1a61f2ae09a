"""Evaluation: recognisers trained on a version, tested on palms they never saw."""
