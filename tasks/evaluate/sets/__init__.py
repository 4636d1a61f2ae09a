"""Test sets of known people: which picture shows whose hand, as their authors distribute them."""
