"""A flow that a published version starts: stands for the training job of whoever reads the dataset."""

from pathlib import Path

from prefect import flow


@flow
def listen(manifest: str, rows: int, note: str) -> None:
    """Write down the manifest's address and rows into the file `note`."""
    Path(note).write_text(f"{manifest} {rows}")
