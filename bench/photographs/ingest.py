"""How long ingest takes on a folder of photographs, how much memory, and how well it tells duplicates.

python bench/photographs/ingest.py /work/shared/data/human-palm-images --workers 1
"""

import argparse
import io
import resource
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray
from PIL import Image

from palm_models.photo.phash import phash
from tasks.photographs.duplicates import NEAR
from tasks.photographs.ingest import IngestReport, ingest_source
from tasks.photographs.sources.source import SourceSpec

COPIES = ((0.35, 40), (0.6, 75), (1.0, 30), (1.3, 90))  # scale, JPEG quality


def words(image: Image.Image) -> NDArray[np.uint64]:
    """Perceptual hash of a picture as four uint64."""
    return np.frombuffer(phash(np.asarray(image)), np.uint64)


def copied(image: Image.Image, scale: float, quality: int) -> Image.Image:
    """The picture scaled and saved again."""
    stream = io.BytesIO()
    size = (round(image.width * scale), round(image.height * scale))
    image.resize(size, Image.Resampling.LANCZOS).save(stream, "JPEG", quality=quality)
    return Image.open(stream)


def main() -> None:
    """Ingest a folder into a temporary one and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--workers", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as out:
        report = ingest_source(SourceSpec("folder", str(options.folder)), Path(out), workers=options.workers)
        print(report)
        show_cost(report)
        show_hashes(pq.read_table(report.table, filters=[("path", "!=", "")]).to_pylist())


def show_cost(report: IngestReport) -> None:
    """Wall time, CPU time, memory."""
    own, workers = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    cpu = own.ru_utime + own.ru_stime + workers.ru_utime + workers.ru_stime
    each = 1000 * report.seconds / report.found
    print(f"{report.bytes / 1e6:.1f} MB in {report.seconds:.1f} s, {each:.0f} ms a file; {cpu:.1f} s of CPU")
    print(f"peak: this process {own.ru_maxrss // 1024} MiB, largest worker {workers.ru_maxrss // 1024} MiB")


def show_hashes(rows: list[dict[str, Any]]) -> None:
    """How far photos differ from one another, and copies from their photo."""
    hashes = np.stack([np.frombuffer(bytes.fromhex(row["phash"]), np.uint64) for row in rows])
    pairs = np.triu_indices(len(rows), 1)
    between = np.sort(np.bitwise_count(hashes[:, None] ^ hashes[None]).sum(-1, dtype=int)[pairs])
    print(f"nearest pairs differ by {between[:8].tolist()} of 256 bits; a duplicate is at {NEAR} or less")
    sample = list(zip(rows, hashes, strict=True))[::4]
    for scale, quality in COPIES:
        bits = [
            int(np.bitwise_count(words(copied(Image.open(row["path"]), scale, quality)) ^ own).sum())
            for row, own in sample
        ]
        found = np.mean(np.array(bits) <= NEAR)
        print(f"{len(bits)} copies at {scale:.0%}, q{quality}: {max(bits)} bits at most, {found:.1%} found")


if __name__ == "__main__":
    main()
