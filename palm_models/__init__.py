"""The science: identity, capture, structure, engines."""
