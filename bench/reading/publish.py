"""Publishing and verifying beside their inputs: images a second, bytes, peak memory, for growing datasets.

Run: python bench/reading/publish.py [--images 1000 10000 100000] [--parameters 90] [--size 64]
"""

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).parents[2]))

from manifests.tools.verify import verify
from tests.helpers.fake_shards import publish_shards, row

CAPTURES, PER_SHARD = 10, 8


def write_shards(folder: Path, images: int, parameters: int, size: int) -> list[Path]:
    """Shards of `images` rows with the columns of the real ones; pictures repeat, ids do not."""
    rng = np.random.default_rng(0)
    pictures = [row(0, "left", c, size=size) for c in range(CAPTURES)]
    extra = {f"capture_p{i}": float(rng.normal()) for i in range(parameters)}
    shards = []
    for first in range(0, images // CAPTURES, PER_SHARD):
        rows = []
        for subject in range(first, min(first + PER_SHARD, images // CAPTURES)):
            ids = {"identity_id": f"s{subject:06d}_left", "subject_id": f"s{subject:06d}"}
            rows += [
                p | ids | extra | {"sample_id": f"s{subject:06d}_left_c{p['capture']:03d}"} for p in pictures
            ]
        shards.append(folder / f"{first:07d}.parquet")
        pq.write_table(pa.Table.from_pylist(rows), shards[-1])
    return shards


def measure(folder: Path) -> dict[str, float]:
    """Times and memory of this process for the shards of `folder`."""
    began, cpu = time.perf_counter(), time.process_time()
    version = publish_shards(sorted(folder.glob("*.parquet")), folder / "out")
    published, published_cpu = time.perf_counter() - began, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    began = time.perf_counter()
    findings = verify(version.path)
    assert findings.ok, findings
    return {
        "images": version.images,
        "megabytes": round(findings.bytes / 1e6, 1),
        "publish_s": round(published, 2),
        "publish_cpu_s": round(published_cpu, 2),
        "publish_peak_mib": round(peak),
        "verify_s": round(time.perf_counter() - began, 2),
        "verify_peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def main() -> None:
    """Measure each size in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--parameters", type=int, default=90)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.folder:
        print(json.dumps(measure(Path(options.folder))))
        return
    for images in options.images:
        folder = Path(tempfile.mkdtemp(prefix="palmforge-bench-"))
        write_shards(folder, images, options.parameters, options.size)
        subprocess.run([sys.executable, __file__, "--folder", str(folder)], check=True)
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
