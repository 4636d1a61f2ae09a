"""Versions: published, grown, merged, tidied away."""
