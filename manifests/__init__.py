"""The contract: recipe, schema, files, checks."""
