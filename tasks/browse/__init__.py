"""A page on the loopback to look at a dataset: identities, captures, rejects, neighbours, two versions."""
