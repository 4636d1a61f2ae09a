"""Tables as a stream of bytes."""

from types import TracebackType
from typing import Self

from pyarrow import BufferOutputStream, Schema, Table

class RecordBatchStreamWriter:
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
    def write_table(self, table: Table) -> None: ...

def new_stream(sink: BufferOutputStream, schema: Schema) -> RecordBatchStreamWriter: ...
