"""Reads lists that people make: CSV with commas, semicolons or tabs, UTF-8 or UTF-16, compressed or not."""

import csv
import gzip
import io
import zlib
from collections.abc import Sequence
from pathlib import Path

from manifests.words import PalmforgeError

DELIMITERS = ",;\t|"
MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16", b"\xef\xbb\xbf": "utf-8-sig"}  # how a text begins


class ListError(PalmforgeError):
    """A list that cannot be read; the message names it and says what it needs."""


def is_list(path: Path) -> bool:
    """True for the names of such files: .csv, .tsv, and both as .gz."""
    return path.name.lower().removesuffix(".gz").endswith((".csv", ".tsv"))


def read_list(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """The rows of the list at `path`, each with `columns` and what else its header names.

    Raises OSError when it cannot be read, ListError when it is no text or lacks one of `columns`.
    """
    text = _text(path)
    header = text.split("\n", 1)[0]
    delimiter = max(DELIMITERS, key=header.count)  # the first of equals: a list of one column has none
    rows = list(csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True))
    names = [name.strip() for name in next(csv.reader([header.strip()], delimiter=delimiter), [])]
    lacking = [name for name in columns if name not in names]
    if lacking:
        raise ListError(
            f"{path}: has no column {', '.join(lacking)}; its first line has {', '.join(names) or 'nothing'}"
        )
    return [{str(k).strip(): (v or "").strip() for k, v in row.items() if k is not None} for row in rows]


def _text(path: Path) -> str:
    data = path.read_bytes()
    try:
        if data.startswith(b"\x1f\x8b"):
            data = gzip.decompress(data)
        encoding = next((name for mark, name in MARKS.items() if data.startswith(mark)), "utf-8")
        return data.decode(encoding)
    except (UnicodeDecodeError, EOFError, OSError, zlib.error) as error:
        raise ListError(f"{path}: not a text in UTF-8 or UTF-16 ({error}); save it as CSV, UTF-8") from None
