"""What people see of a version: measures, charts, sheets, pages."""
