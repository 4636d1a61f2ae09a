"""Files: durable on a local disk, or anywhere that fsspec reaches."""
