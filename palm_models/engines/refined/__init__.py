"""The engine refined: an atlas whose palm a network trained on photographs has drawn."""
