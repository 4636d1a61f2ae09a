"""Labelled palms for a recogniser: of a version, of the renderer, or photographs of known people."""

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from manifests.contract.images import decode
from manifests.files.lists import ListError, is_list, read_list
from manifests.read.open import open_dataset
from manifests.recipe import parse
from manifests.words import View
from palm_models.measure.encoder import to_grey
from tasks.photographs.sources.found import SourceError
from tasks.photographs.steps import align, ingest
from tasks.report.sampled import palm
from tasks.work.digest import digest_of

PATTERN = r"^([A-Za-z]+_?\d+)_"  # who a picture of a flat folder shows: person_1_… shows person_1
MOST = 20_000  # pictures held in memory; of larger sets identities are drawn by seed
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Labelled:
    """Grey palms (n, size, size) with the identity of each; an identity is one hand."""

    name: str
    grey: NDArray[np.uint8]
    labels: NDArray[np.str_]
    note: str = ""  # where they come from and what was left out

    def first(self, identities: int, captures: int = 0) -> "Labelled":
        """Only the first identities, and of each the first captures; 0 = all."""
        known = list(dict.fromkeys(self.labels.tolist()))[: identities or None]
        seen, keep = Counter[str](), []
        for place, label in enumerate(self.labels.tolist()):
            seen[label] += 1
            if label in set(known) and (not captures or seen[label] <= captures):
                keep.append(place)
        return Labelled(self.name, self.grey[keep], self.labels[keep], self.note)

    @property
    def identities(self) -> int:
        """How many there are."""
        return len(set(self.labels.tolist()))

    @property
    def captures(self) -> int:
        """Of the identity that has most."""
        return max(Counter(self.labels.tolist()).values())


def of_version(path: Path, size: int, split: str = "train", seed: int = 0) -> Labelled:
    """The palms of one split of a published version, of view palm where there is one, in label order.

    Raises DatasetError when there is no version, SourceError when its split is empty.
    """
    dataset = open_dataset(path)
    light = dataset.rows(["split", "view", "label"])
    views = set(light["view"].to_pylist())
    view: View = "palm" if "palm" in views else "hand"
    wanted = (light["split"].to_numpy() == split) & (light["view"].to_numpy() == view)
    counts = Counter(light["label"].to_numpy()[wanted].tolist())
    if not counts:
        raise SourceError(
            "split_empty", f"{dataset.path} has no images in split {split}: build more identities"
        )
    order = np.random.default_rng(seed).permutation(sorted(counts))
    held = order[np.cumsum([counts[int(label)] for label in order]) <= MOST]
    wanted &= np.isin(light["label"].to_numpy(), held)
    columns = ["sample_id", "shard", "row", "identity_id", "landmarks"]
    rows = dataset.rows(columns).filter(pa.array(wanted))
    pictures = [
        to_grey(palm(decode(data), view, np.reshape(marks, (21, 2)))[None], size)[0]
        for data, marks in zip(dataset.images(rows), rows["landmarks"].to_pylist(), strict=True)
    ]
    name = f"{dataset.metadata['dataset']} {dataset.metadata['version']}"
    return Labelled(name, np.stack(pictures), np.array(rows["identity_id"].to_pylist()), f"split {split}")


def of_renderer(purpose: str, seed: int, identities: int, captures: int, size: int) -> Labelled:
    """Palms that the renderer draws of other people than any recipe's or purpose's: the seed is hashed."""
    from tasks.judge.encoder import palms

    own = int.from_bytes(hashlib.sha256(f"palmforge-evaluate-{purpose}-{seed}".encode()).digest()[:7], "big")
    grey, labels = palms("renderer", own, 0, identities, captures, size)
    return Labelled("renderer", grey, labels.astype(np.str_), f"drawn with seed {own}")


def of_photographs(
    path: Path, work: Path, size: int, progress: Progress, pattern: str = PATTERN, workers: int = 0
) -> Labelled:
    """Aligned palms of photographs whose people are known: `id/picture` folders, a flat folder, or a CSV.

    A CSV has the columns path (from the CSV's folder) and id. In a flat folder the first group of `pattern`
    finds the id in a name. Both hands under one id count as two identities, as the aligner tells them apart;
    hands with one picture are left out, because nothing can be compared with them.
    Raises SourceError when nothing can be read, named or compared.
    """
    listed = _listed(path) if is_list(path) else None
    folder = path if listed is None else _linked(path, listed, work)
    recipe = parse(
        {
            "name": "evaluate", "work": str(work), "source": {"kind": "folder", "path": str(folder)},
            "align": {"views": ["palm"], "size": max(128, size), "max_hands": 1, "workers": workers},
        },
        where=str(path),
    )  # fmt: skip
    photos = ingest(recipe, progress)
    done = align(recipe, photos, progress)
    assert done is not None  # this recipe has a source
    table = pq.read_table(done.path / "aligned.parquet", columns=["original_name", "hand", "image"])
    names = table["original_name"].to_pylist()
    people = [listed[int(n.partition("_")[0])][1] if listed else person(n, pattern) for n in names]
    hands = [f"{p} {hand}" for p, hand in zip(people, table["hand"].to_pylist(), strict=True)]
    times = Counter(hands)
    keep = [k for k, hand in enumerate(hands) if times[hand] > 1]
    if len(set(map(hands.__getitem__, keep))) < 2:
        raise SourceError(
            "nothing_to_compare", f"{path}: fewer than two hands have two pictures that were aligned"
        )
    pictures = np.stack([decode(cell["bytes"]) for cell in table["image"].take(keep).to_pylist()])
    note = f"{done.facts['accounting']}; {len(hands) - len(keep)} hands with one picture left out"
    return Labelled(path.name, to_grey(pictures, size), np.array([hands[k] for k in keep]), note)


def person(name: str, pattern: str) -> str:
    """Who a photograph shows: its folder, or in a flat folder what `pattern` finds in its name."""
    folder = PurePosixPath(name).parent.as_posix()
    if folder != ".":
        return folder
    found = re.search(pattern, name)
    if not found:
        raise SourceError(
            "who_is_it",
            f"{name}: neither in a folder of its identity nor matched by {pattern!r}; "
            "sort the pictures into folders (id/picture), give a CSV with path and id, or a --id-pattern",
        )
    return found.group(1)


def _listed(path: Path) -> list[tuple[Path, str]]:
    try:
        rows = read_list(path, ["path", "id"])
        if not rows:
            raise ListError(f"{path}: names no picture")
    except OSError as error:
        raise SourceError("source_missing", f"{path}: {error.strerror}") from None
    except ListError as error:
        message = f"{error}; it needs a header with the columns path and id, and a row a picture"
        raise SourceError("not_a_list", message) from None
    missing = [row["path"] for row in rows if not (path.parent / row["path"]).is_file()]
    if missing:
        raise SourceError(
            "source_missing", f"{path} names files that are not there: {', '.join(missing[:3])}"
        )
    return [((path.parent / row["path"]).resolve(), row["id"]) for row in rows]


def _linked(path: Path, listed: Sequence[tuple[Path, str]], work: Path) -> Path:
    """A folder of links to the listed pictures, each named by its row."""
    folder = work / "listed" / digest_of([str(path.resolve()), *((str(p), who) for p, who in listed)])
    folder.mkdir(parents=True, exist_ok=True)
    for row, (picture, _) in enumerate(listed):
        link = folder / f"{row:06d}_{picture.name}"
        if not link.is_symlink():
            link.symlink_to(picture)
    return folder
