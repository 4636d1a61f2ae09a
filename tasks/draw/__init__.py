"""Drawing: the plan, its shards, their samples."""
