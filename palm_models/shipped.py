"""Where the shipped weights lie, with their model cards and what the gates were calibrated to."""

from pathlib import Path

SHIPPED = Path(__file__).parent / "weights"
