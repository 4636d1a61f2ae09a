"""Balance: how a version's identities and images are spread over groups of people and kinds of capture."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from manifests.files.layout import IDENTITIES
from manifests.read.open import Version, columns_of
from palm_models.render.skin import BANDS, band
from tasks.report.sampled import counts


def balance(version: Version, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """How identities and images are spread over groups, and the captures' parameters in the sample."""
    columns = [c for c in ("hand", "images", "identity_skin_tone") if c in _names(version, IDENTITIES)]
    identities = version.identities(columns)
    images = identities["images"].to_numpy()
    found: dict[str, Any] = {
        "hand": dict(Counter(identities["hand"].to_pylist())),
        "images_per_identity": {
            "least": int(images.min()), "median": float(np.median(images)), "most": int(images.max())
        },
        **{name: dict(counts(version, name)) for name in ("split", "view")},
        "capture": {name: _distribution([r[name] for r in rows]) for name in _capture_names(rows[0])},
    }  # fmt: skip
    if "identity_skin_tone" in columns:
        tones = Counter(map(band, identities["identity_skin_tone"].to_pylist()))
        found["skin_tone"] = {name: tones[name] for name in BANDS}
    return found


def _capture_names(row: Mapping[str, Any]) -> list[str]:
    return [name for name in row if name.startswith("capture_") and name != "capture_seed"]


def _distribution(values: Sequence[Any]) -> dict[str, float]:
    """Quantiles of numbers, shares of anything else."""
    there = [v for v in values if v is not None]
    if there and not all(isinstance(v, int | float) and not isinstance(v, bool) for v in there):
        return {str(k).lower(): n / len(there) for k, n in sorted(Counter(map(str, there)).items())}
    quantiles = np.quantile(there, [0.05, 0.5, 0.95]) if there else []
    return dict(zip(("p5", "median", "p95"), map(float, quantiles), strict=False))


def _names(version: Version, table: str) -> list[str]:
    return columns_of(version.path / table)
