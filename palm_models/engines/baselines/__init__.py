"""The two baselines of the hackathon that this grew from."""
