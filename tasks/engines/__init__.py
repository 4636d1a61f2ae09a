"""Engines: one object each says everything about an engine; a registry finds ours and other people's."""
