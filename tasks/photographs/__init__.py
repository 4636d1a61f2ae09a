"""Photographs: fetched, examined, and their hands aligned."""
