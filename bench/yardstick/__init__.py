"""The real yardstick: what a set of synthetic palms teaches, measured on real second captures."""
