"""Where pyarrow defines its classes: duckdb's stubs name them so."""

from pyarrow import Schema as Schema
from pyarrow import Table as Table

class RecordBatchReader:
    def read_all(self) -> Table: ...
