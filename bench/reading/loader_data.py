"""Pictures for bench.reading.loaders: a version of 20,000 images, stored as each library has it.

Once: python -m bench.reading.loader_data DIR (needs `uv pip install --group bench`). 2,000 palms of the
renderer at 128 px, their bytes repeated under the ids of 20,000 images of 2,500 identities.
"""

import subprocess
import sys
from pathlib import Path

CAPTURES, DISTINCT, REPEATS = 8, 250, 10


def draw(first: int, last: int, folder: Path) -> None:
    """Shards of rows as generation writes them, each identity under REPEATS ids."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from manifests.recipe import parse
    from palm_models.engines.renderer import RendererEngine
    from tasks.draw.plan import PlannedIdentity
    from tasks.draw.samples import draw_identity, row_of

    recipe, engine = parse({"name": "loaders", "dataset": {"captures": CAPTURES}}), RendererEngine()
    for number in range(first, last):
        planned = PlannedIdentity(number, number, "left", "train")
        drawn = [
            row_of(recipe, engine, s) for s in draw_identity(recipe, engine, planned, range(CAPTURES), None)
        ]
        for copy in range(REPEATS):
            subject = f"s{copy * DISTINCT + number:06d}"
            rows = [
                {
                    **row,
                    "subject_id": subject,
                    "identity_id": f"{subject}_left",
                    "sample_id": f"{subject}_left_c{row['capture']:03d}_palm",
                }
                for row in drawn
            ]
            pq.write_table(pa.Table.from_pylist(rows), folder / f"{subject}.parquet")


def prepare(folder: Path) -> None:
    """The version, and the same pictures as each library stores them."""
    import litdata
    import pyarrow.parquet as pq
    import webdataset as wds

    from tests.helpers.fake_shards import publish_shards

    (folder / "shards").mkdir(parents=True, exist_ok=True)
    if len(list((folder / "shards").iterdir())) < DISTINCT * REPEATS:
        code = "import sys; from pathlib import Path; from bench.reading.loader_data import draw; "
        code += "draw(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))"
        halves = [(0, DISTINCT // 2), (DISTINCT // 2, DISTINCT)]
        commands = [[sys.executable, "-c", code, str(a), str(b), str(folder / "shards")] for a, b in halves]
        drawing = [subprocess.Popen(command) for command in commands]
        codes = [process.wait() for process in drawing]
        assert not any(codes), codes
    version = publish_shards(sorted((folder / "shards").glob("*.parquet")), folder / "out").path
    tables = [
        pq.read_table(f, columns=["image", "label", "sample_id"])
        for f in sorted((version / "data").iterdir())
    ]
    samples = [row for table in tables for row in table.to_pylist()]
    with wds.ShardWriter(f"{folder}/wds-%05d.tar", maxcount=2500, verbose=0) as sink:
        for row in samples:
            sink.write({"__key__": row["sample_id"], "png": row["image"]["bytes"], "cls": row["label"]})
    for row in samples:
        file = folder / "imagefolder" / f"{row['label']:05d}" / f"{row['sample_id']}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(row["image"]["bytes"])
    files = sorted(str(p) for p in (folder / "imagefolder").glob("*/*.png"))
    litdata.optimize(encoded_pair, files, str(folder / "litdata"), chunk_bytes="32MB", num_workers=1)


def encoded_pair(file: str) -> tuple[bytes, int]:
    """What litdata stores: the file and its label."""
    return Path(file).read_bytes(), int(Path(file).parent.name)


if __name__ == "__main__":
    prepare(Path(sys.argv[1]))
