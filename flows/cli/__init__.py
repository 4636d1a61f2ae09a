"""The command `palmforge`: one module a group of verbs."""
