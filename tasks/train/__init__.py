"""Trainings: aligned palms become weights, resumable at any step."""
