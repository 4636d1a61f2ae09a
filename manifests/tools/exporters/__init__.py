"""Exporters: one module a format that other libraries read."""
