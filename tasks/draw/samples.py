"""Draws the samples of one identity and turns each into its manifest row."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np

from manifests.contract.images import SUFFIX, encode
from manifests.words import HANDS, View
from palm_models.engines.base import Drawer, Drawing
from palm_models.hand.capture import Capture
from palm_models.hand.identity import Identity
from palm_models.seeds import Draw, sequence
from tasks.engines.registry import engine_of

if TYPE_CHECKING:
    from manifests.recipe import Recipe
    from tasks.draw.augment import Augmenter
    from tasks.draw.plan import PlannedIdentity


@dataclass(frozen=True)
class Sample:
    """One picture with all that its manifest row needs."""

    planned: PlannedIdentity
    identity: Identity
    capture_index: int
    capture: Capture
    view: View
    drawing: Drawing
    augmentation: str = ""
    copy: int = 0

    @property
    def sample_id(self) -> str:
        """identity, capture, view, and the number of the augmented copy if it is one."""
        base = f"{self.planned.identity_id}_c{self.capture_index:03d}_{self.view}"
        return f"{base}_a{self.copy}" if self.copy else base


def draw_identity(
    recipe: Recipe,
    engine: Drawer,
    planned: PlannedIdentity,
    numbers: Sequence[int],
    augmenter: Augmenter | None,
) -> Iterator[Sample]:
    """The captures of one identity with these numbers in every view, each with its augmented copies."""
    kind, at = engine_of(recipe), (recipe.seed, planned.subject, planned.hand)
    identity = kind.identity(*at, recipe.identity)
    captures = [kind.capture(*at, number, recipe.capture) for number in numbers]
    for view in recipe.dataset.views:
        drawings = engine.draw(identity, captures, view, recipe.dataset.side(view))
        for number, capture, drawing in zip(numbers, captures, drawings, strict=True):
            sample = Sample(planned, identity, number, capture, view, drawing)
            yield sample
            for copy in range(1, recipe.augment.copies + 1) if augmenter else ():
                yield _augmented(sample, copy, augmenter)


def augmentation_seed(capture: Capture, copy: int) -> int:
    """The seed of augmented copy number `copy` (1, 2, …) of a capture, the same in every view."""
    place = capture.subject, HANDS.index(capture.hand), capture.capture, copy
    return int(sequence(capture.seed, Draw.AUGMENTATION, *place).generate_state(1)[0])


def drawn_with(recipe: Recipe) -> str:
    """JSON of what determines an image's bytes beside its identity, its capture and the engine's weights."""
    settings = {
        **engine_of(recipe).drawn_with(recipe),
        "image_format": recipe.dataset.image_format,
        "quality": recipe.dataset.quality,
        "transforms": [t.model_dump(mode="json") for t in recipe.augment.transforms],
    }
    return json.dumps(settings, sort_keys=True)


def _augmented(sample: Sample, copy: int, augmenter: Augmenter | None) -> Sample:
    assert augmenter is not None
    draw = augmentation_seed(sample.capture, copy)
    image, landmarks, applied = augmenter(sample.drawing.image, sample.drawing.landmarks, draw)
    drawing = replace(sample.drawing, image=image, landmarks=landmarks)
    return replace(sample, drawing=drawing, augmentation=applied, copy=copy)


def row_of(recipe: Recipe, engine: Drawer, sample: Sample) -> dict[str, Any]:
    """The sample as a row: manifest columns, the file's bytes, and the parameters as flat columns."""
    p, image, drawing = sample.planned, sample.drawing.image, sample.drawing
    circumstances = sample.capture.scalars() if drawing.capture is None else drawing.capture
    own = _identity_columns(sample.identity) if drawing.identity is None else _own_columns(drawing.identity)
    data = encode(image, recipe.dataset.image_format, recipe.dataset.quality)
    name = f"{sample.sample_id}.{SUFFIX[recipe.dataset.image_format]}"
    parent = f"{p.identity_id}_c{sample.capture_index:03d}_{sample.view}" if sample.copy else None
    return {
        "sample_id": sample.sample_id,
        "identity_id": p.identity_id,
        "subject_id": p.subject_id,
        "hand": p.hand,
        "capture": sample.capture_index,
        "split": p.split,
        "augmented": sample.copy > 0,
        "parent_sample_id": parent,
        "augmentation": sample.augmentation or None,
        "view": sample.view,
        "width": image.shape[1],
        "height": image.shape[0],
        "file_name": name,
        "sha256": sha256(data).hexdigest(),
        "landmarks": sample.drawing.landmarks.astype(np.float32).ravel().tolist(),
        "engine": engine.name,
        "checkpoint": engine.checkpoint or None,
        "drawn_with": drawn_with(recipe),
        "identity_seed": sample.identity.seed,
        "capture_seed": sample.capture.seed,
        "synthetic": True,
        "image": {"bytes": data, "path": name},
        **own,
        **{f"capture_{key}": value for key, value in circumstances.items()},
    }


_last: list[tuple[Identity, dict[str, Any]]] = []  # one identity's columns serve all of its pictures


def _identity_columns(identity: Identity) -> dict[str, Any]:
    if not _last or _last[0][0] is not identity:
        scalars = {f"identity_{key}": value for key, value in identity.scalars().items()}
        whole = json.dumps(identity.to_dict(), sort_keys=True)
        _last[:] = [(identity, {"identity_parameters": whole, **scalars})]
    return _last[0][1]


def _own_columns(identity: Mapping[str, Any]) -> dict[str, Any]:
    """The same for an engine that knows no traits: what it drew with, its single values as columns."""
    single = {k: v for k, v in identity.items() if isinstance(v, bool | int | float | str)}
    whole = json.dumps(dict(identity), sort_keys=True)
    return {"identity_parameters": whole, **{f"identity_{k}": v for k, v in single.items()}}
