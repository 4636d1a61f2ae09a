"""The exporter coco: hands and their 21 landmarks as COCO keypoints."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from manifests.tools.exporters.exporter import METADATA, Exporter, Row, Writer, line

if TYPE_CHECKING:
    from manifests.read.open import Version

FINGERS = ("thumb", "index_finger", "middle_finger", "ring_finger", "pinky")
JOINTS = (("cmc", "mcp", "ip", "tip"), *(4 * (("mcp", "pip", "dip", "tip"),)))
KEYPOINTS = (
    "wrist",
    *(f"{f}_{joint}" for f, joints in zip(FINGERS, JOINTS, strict=True) for joint in joints),
)
PALM = ((1, 2), (1, 6), (6, 10), (10, 14), (14, 18), (1, 18))  # counted from 1, as COCO does
BONES = tuple((at, at + 1) for first in (2, 6, 10, 14, 18) for at in range(first, first + 3))
CATEGORY = {
    "id": 1,
    "name": "hand",
    "supercategory": "person",
    "keypoints": list(KEYPOINTS),
    "skeleton": [list(bone) for bone in (*PALM, *BONES)],
}
SEEN = 2  # COCO's visibility of a labelled point; 0: not in the picture


def keypoints(landmarks: list[float] | None, width: int, height: int) -> list[float]:
    """x, y, visibility of each landmark; zeros for one outside the picture, or where there are none."""
    found: list[float] = []
    for x, y in zip((landmarks or [])[::2], (landmarks or [])[1::2], strict=True):
        inside = 0 <= x <= width and 0 <= y <= height
        found += [round(x, 2), round(y, 2), SEEN] if inside else [0, 0, 0]
    return found or [0] * (3 * len(KEYPOINTS))


class Coco(Writer):
    """SPLIT/FILE and annotations/hand_keypoints_SPLIT.json; and metadata.jsonl."""

    def __init__(self, folder: Path, stack: ExitStack, version: Version) -> None:
        super().__init__(folder, stack, version)
        self.metadata = self.text(METADATA)
        self.count = 0
        self.open: dict[str, tuple[TextIO, TextIO]] = {}  # split: images, annotations, a line each
        (folder / "annotations").mkdir()

    def add(self, row: Row, image: bytes) -> None:
        """One more image."""
        split, self.count = row["split"], self.count + 1
        (self.folder / split).mkdir(exist_ok=True)
        (self.folder / split / row["file_name"]).write_bytes(image)
        if split not in self.open:
            part = f"annotations/.{split}."
            self.open[split] = self.text(f"{part}images"), self.text(f"{part}annotations")
        images, annotations = self.open[split]
        size = {name: row[name] for name in ("width", "height")}
        images.write(json.dumps({"id": self.count, "file_name": row["file_name"], **size}) + "\n")
        annotations.write(json.dumps(self._annotation(row)) + "\n")
        self.metadata.write(line(row))

    def _annotation(self, row: Row) -> dict[str, Any]:
        points = keypoints(row["landmarks"], row["width"], row["height"])
        seen = [(x, y) for x, y, v in zip(points[::3], points[1::3], points[2::3], strict=True) if v]
        left, top = (min((p[i] for p in seen), default=0.0) for i in (0, 1))
        right, bottom = (max((p[i] for p in seen), default=0.0) for i in (0, 1))
        box = [left, top, round(right - left, 2), round(bottom - top, 2)]
        return {
            "id": self.count,
            "image_id": self.count,
            "category_id": CATEGORY["id"],
            "keypoints": points,
            "num_keypoints": len(seen),
            "bbox": box,
            "area": round(box[2] * box[3], 2),
            "iscrowd": 0,
            **{name: row[name] for name in ("sample_id", "identity_id", "hand")},
        }

    def end(self) -> None:
        """One JSON file a split, put together from its lines: a million of them are never in memory."""
        for split, parts in self.open.items():
            whole = self.folder / "annotations" / f"hand_keypoints_{split}.json"
            with whole.open("w", encoding="utf-8") as file:
                file.write('{"info": {"description": "synthetic palms"}, "licenses": []')
                file.write(f', "categories": {json.dumps([CATEGORY])}')
                for name, part in zip(("images", "annotations"), parts, strict=True):
                    part.close()
                    file.write(f',\n"{name}": [\n')
                    with Path(part.name).open(encoding="utf-8") as lines:
                        for number, one in enumerate(lines):
                            file.write(f"{',' if number else ''}{one}")
                    file.write("]")
                    Path(part.name).unlink()
                file.write("}\n")


class CocoExporter(Exporter):
    """Writes COCO keypoints of the hands."""

    name = "coco"
    summary = "hands with their 21 landmarks, as pycocotools reads keypoints"
    views = ("hand",)
    writes = Coco


COCO = CocoExporter()
