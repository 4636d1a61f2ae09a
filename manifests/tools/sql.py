"""SQL over the tables of a version: duckdb that can read these files and nothing else on the machine."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa

from manifests.read.unknown import meant
from manifests.words import PalmforgeError


class QueryError(PalmforgeError):
    """A query that cannot be answered; the message says what is wrong with it."""


@contextmanager
def tables(files: Mapping[str, Path]) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection in memory in which each name is a view of a Parquet file.

    No other file, no network, no extension, no Python variable is in reach, and no query can change that.
    """
    paths = {name: _quoted(str(path.resolve())) for name, path in files.items()}
    with duckdb.connect(":memory:") as connection:
        patterns = {name: _literal(path) for name, path in paths.items()}  # duckdb asks for both
        connection.execute(f"SET allowed_paths = [{', '.join([*paths.values(), *patterns.values()])}]")
        for name, pattern in patterns.items():
            try:
                connection.execute(f"CREATE VIEW {name} AS SELECT * FROM read_parquet({pattern})")
            except duckdb.Error as error:
                raise QueryError(f"{files[name]}: damaged: {error}; `palmforge verify` names all") from None
        for setting in ("enable_external_access", "python_enable_replacements"):
            connection.execute(f"SET {setting} = false")
        for setting in ("autoinstall_known_extensions", "autoload_known_extensions"):
            connection.execute(f"SET {setting} = false")
        connection.execute("SET lock_configuration = true")
        yield connection


def ask(connection: duckdb.DuckDBPyConnection, query: str) -> pa.Table:
    """The answer to one SELECT. Raises QueryError, in duckdb's words when it fails."""
    try:
        statements = connection.extract_statements(query)
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            raise QueryError(f"one SELECT is expected, not {query!r}")
        answer: pa.Table = connection.sql(query).to_arrow_table()
    except duckdb.Error as error:
        raise QueryError(f"{query!r}: {_column_hint(connection, str(error))}{error}") from None
    return answer


def _column_hint(connection: duckdb.DuckDBPyConnection, error: str) -> str:
    """What an unknown column may have meant."""
    found = re.search(r'column "(\w+)" (?:was )?not found|does not have a column named "(\w+)"', error)
    if not found:
        return ""
    columns = connection.sql("SELECT DISTINCT column_name FROM duckdb_columns() ORDER BY ALL").fetchall()
    likely = meant(found[1] or found[2], [name for (name,) in columns])
    return (
        f"there is no column {found[1] or found[2]}: did you mean {' or '.join(likely)}? " if likely else ""
    )


def _literal(pattern: str) -> str:
    """The pattern that matches the path itself, whatever brackets and stars are in it."""
    return re.sub(r"([\[*?])", r"[\1]", pattern)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
