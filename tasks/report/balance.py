"""Balance: how a version's identities and images are spread over groups of people and kinds of capture."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from manifests.files.layout import IDENTITIES
from manifests.read.open import Dataset
from tasks.report.sampled import counts

# Individual typology angle in degrees above which skin is called so (Chardon 1991, Del Bino & Bernerd 2013)
BANDS = ((55, "very light"), (41, "light"), (28, "intermediate"), (10, "tan"), (-30, "brown"))
DARKEST = "dark"


def balance(dataset: Dataset, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """How identities and images are spread over groups, and the captures' parameters in the sample."""
    columns = [c for c in ("hand", "images", "identity_skin_tone") if c in _names(dataset, IDENTITIES)]
    identities = pq.read_table(dataset.path / IDENTITIES, columns=columns)
    images = identities["images"].to_numpy()
    found: dict[str, Any] = {
        "hand": dict(Counter(identities["hand"].to_pylist())),
        "images_per_identity": {
            "least": int(images.min()), "median": float(np.median(images)), "most": int(images.max())
        },
        **{name: dict(counts(dataset, name)) for name in ("split", "view")},
        "capture": {name: _distribution([r[name] for r in rows]) for name in _capture_names(rows[0])},
    }  # fmt: skip
    if "identity_skin_tone" in columns:
        tones = Counter(map(skin_band, identities["identity_skin_tone"].to_pylist()))
        found["skin_tone"] = {band: tones[band] for band in (*(b for _, b in BANDS), DARKEST)}
    return found


def skin_band(ita: float) -> str:
    """The band of an individual typology angle in degrees (Chardon et al. 1991, Del Bino & Bernerd 2013)."""
    return next((band for least, band in BANDS if ita > least), DARKEST)


def _capture_names(row: Mapping[str, Any]) -> list[str]:
    return [name for name in row if name.startswith("capture_") and name != "capture_seed"]


def _distribution(values: Sequence[Any]) -> dict[str, float]:
    """Quantiles of numbers, shares of anything else."""
    there = [v for v in values if v is not None]
    if there and not all(isinstance(v, int | float) and not isinstance(v, bool) for v in there):
        return {str(k).lower(): n / len(there) for k, n in sorted(Counter(map(str, there)).items())}
    quantiles = np.quantile(there, [0.05, 0.5, 0.95]) if there else []
    return dict(zip(("p5", "median", "p95"), map(float, quantiles), strict=False))


def _names(dataset: Dataset, table: str) -> list[str]:
    return list(pq.read_schema(dataset.path / table).names)
