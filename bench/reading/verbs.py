"""The verbs at size: images drawn again byte for byte, select and diff over many rows, exports, merges.

python -m bench.reading.verbs again DATASET [--count 50] [--seed 0]
python -m bench.reading.verbs size [--images 20000]
"""

import argparse
import resource
import shutil
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from manifests.read.open import open_dataset
from manifests.tools.diff import diff
from manifests.tools.export import export
from manifests.tools.exporters.registry import EXPORTERS
from manifests.tools.select import select
from tasks.draw.regenerate import regenerate, some
from tasks.versions.merge import merge
from tests.helpers.fake_shards import publish_shards, row, write_shard


def again(dataset: str, count: int, seed: int, weights: list[Path]) -> None:
    """Draw `count` random rows again and compare."""
    version = open_dataset(dataset)
    began, chosen = time.monotonic(), some(version, count, seed)
    same = sum(image.same for image in regenerate(version, chosen, weights))
    engine = version.rows(["engine"])["engine"][0]
    print(f"{engine}: {same} of {len(chosen)} the published bytes, {time.monotonic() - began:.0f} s")


def size(images: int) -> None:
    """Time the verbs that need no drawing on a dataset of random pictures."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        with ProcessPoolExecutor(1, get_context("spawn")) as child:  # its memory is not the verbs'
            made = [child.submit(_published, home / str(seed), images, seed).result() for seed in (0, 1)]
        ours, theirs = map(open_dataset, made)
        quiet: Callable[[int, int], None] = lambda done, total: None  # noqa: E731
        _timed("select a third", lambda: select(ours, "label % 3 = 0", home / "view"))
        _timed("diff with itself", lambda: diff(ours, ours))
        for kind in EXPORTERS.ours:
            _timed(f"export {kind}", partial(export, ours, kind, home / kind, quiet), images)
            shutil.rmtree(home / kind)
        _timed("merge two", lambda: merge([ours, theirs], home, "both", home / "work", quiet), 2 * images)


def _published(home: Path, images: int, seed: int) -> Path:
    """A version of `images` pictures of 9 KB, ten of each identity, that share their bytes' pattern alone."""
    rows = [
        {**row(subject, hand, capture, size=56), "identity_seed": seed}
        for subject in range(images // 20)
        for hand in ("left", "right")
        for capture in range(10)
    ]
    shard = write_shard(home / "shard.parquet", rows)
    return publish_shards([shard], home / "out").path


def _timed(what: str, work: Callable[[], object], images: int = 0) -> None:
    began, cpu = time.monotonic(), time.process_time()
    work()
    wall, used = time.monotonic() - began, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    rate = f", {images / used:.0f} images a second of CPU" if images else ""
    print(f"{what}: {wall:.1f} s, {used:.1f} s of CPU{rate}, peak {peak} MiB", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("again", "size"))
    parser.add_argument("dataset", nargs="?", default="out/quickstart")
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--checkpoint", type=Path, nargs="*", default=[], help="folders of weights to try")
    parser.add_argument("--images", type=int, default=20_000)
    given = parser.parse_args()
    if given.what == "again":
        again(given.dataset, given.count, given.seed, given.checkpoint)
    else:
        size(given.images)
