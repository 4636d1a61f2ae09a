"""Publishing: a version built aside and made visible whole."""
