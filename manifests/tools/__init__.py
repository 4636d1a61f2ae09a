"""Tools on published versions: select, diff, export, verify."""
