"""Several files as one table."""

from collections.abc import Sequence
from pathlib import Path

from pyarrow import Table

class Dataset:
    def to_table(self, columns: Sequence[str] | None = ...) -> Table: ...

def dataset(source: str | Path, *, format: str = ...) -> Dataset: ...
