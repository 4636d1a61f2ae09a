"""Recognisers to judge palms with: what they learn from a set, and how alike they find two pictures."""
