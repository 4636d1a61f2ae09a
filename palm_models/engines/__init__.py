"""Engines: who turns an identity and a capture into a picture."""
