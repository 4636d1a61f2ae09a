"""Atlas engine: a skin drawn once an identity, photographed by one of several devices a capture."""
