"""What a reader of the page asks for: filters and order, from the query of an address to SQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from palm_models.render.skin import BANDS

TONE, DEVICE = "identity_skin_tone", "capture_device"
EXACT = {"split": "split", "hand": "hand", "view": "view", "device": DEVICE}  # filter: column
LEAST = {"quality": "quality", "score": "identity_score"}  # filter: column that is at least so much
ORDERS = {  # order: column, SQL of an identity's place, what a reader is told
    "": ("label", "min(label)", "label"),
    "quality": ("quality", "min(quality)", "lowest quality first"),
    "score": ("identity_score", "min(identity_score)", "lowest identity score first"),
    "leak": ("leak_score", "max(leak_score) DESC", "nearest to a photograph first"),
}


@dataclass(frozen=True)
class Filters:
    """One state of the page; unknown values are left out, so that any address can be opened."""

    exact: Mapping[str, str] = field(default_factory=dict)
    least: Mapping[str, float] = field(default_factory=dict)
    tone: str = ""  # name of a band of skin tones
    search: str = ""  # part of an identity's or a sample's id
    order: str = ""
    page: int = 1

    @classmethod
    def of(cls, query: Mapping[str, str], columns: Sequence[str]) -> Filters:
        """The filters in the query of an address, as far as the manifest has their columns."""
        given = {key: value.strip() for key, value in query.items() if value.strip()}
        order = given.get("order", "")
        return cls(
            {key: given[key] for key, column in EXACT.items() if key in given and column in columns},
            {key: _number(given[key]) for key, c in LEAST.items() if key in given and c in columns},
            given.get("tone", "") if given.get("tone") in BANDS and TONE in columns else "",
            given.get("search", "")[:200],
            order if order in ORDERS and ORDERS[order][0] in columns else "",
            max(1, min(10**7, int(_number(given.get("page", "1"))))),
        )

    def where(self) -> tuple[str, list[Any]]:
        """The condition on the manifest's rows, with ? for each value; values never are SQL."""
        parts, values = ["true"], list[Any]()
        for key, value in self.exact.items():
            parts.append(f"{EXACT[key]} = ?")
            values.append(value)
        for key, least in self.least.items():
            parts.append(f"{LEAST[key]} >= ?")
            values.append(least)
        if self.tone:
            names = list(BANDS)
            above = names[: names.index(self.tone)]
            parts.append(f"{TONE} > ? AND {TONE} <= ?")
            values += [BANDS[self.tone], BANDS[above[-1]] if above else 1e9]
        if self.search:
            parts.append("(contains(identity_id, ?) OR contains(sample_id, ?))")
            values += [self.search, self.search]
        return " AND ".join(parts), values

    def address(self, path: str = "/", **changes: Any) -> str:
        """The address of this state, with some of it changed."""
        state = {
            **self.exact,
            **{key: f"{value:g}" for key, value in self.least.items()},
            **{"tone": self.tone, "search": self.search, "order": self.order, "page": self.page},
            **changes,
        }
        query = urlencode({k: v for k, v in state.items() if v not in ("", None) and (k, v) != ("page", 1)})
        return f"{path}?{query}" if query else path


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        return 0.0
    return value if abs(value) < 1e9 else 0.0  # no NaN, no infinity
