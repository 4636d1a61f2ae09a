"""Sources: where photographs come from, one module a kind."""
