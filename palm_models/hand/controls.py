"""Distributions of single values, and the controls of a recipe that replace them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

Value = float | int | bool | str
Kind = Literal["normal", "lognormal", "uniform", "count", "chance", "choice"]


@dataclass(frozen=True)
class Prior:
    """One distribution; a standard normal z becomes a value, so that a control never shifts another draw.

    `a`, `b` are mean and sd (normal), median and log-sd (lognormal), mean (count) or chance (chance);
    values stay in [low, high]; `shared` is the correlation of the two hands of a subject.
    """

    help: str
    kind: Kind
    a: float = 0.0
    b: float = 0.0
    low: float = -math.inf
    high: float = math.inf
    shared: float = 0.0
    options: tuple[str, ...] = ()
    weights: tuple[float, ...] = ()

    def value(self, z: float) -> Value:
        """The value at the standard normal quantile z."""
        match self.kind:
            case "normal":
                return self.clip(self.a + self.b * z)
            case "lognormal":
                return self.clip(self.a * math.exp(self.b * z))
            case "uniform":
                return self.low + (self.high - self.low) * phi(z)
            case "count":
                return int(min(self.high, _poisson_quantile(phi(z), self.a)))
            case "chance":
                return phi(z) < self.a
            case "choice":
                edges = np.cumsum(self.weights) / sum(self.weights)
                return self.options[min(int(np.searchsorted(edges, phi(z))), len(self.options) - 1)]

    def clip(self, value: float) -> float:
        """`value` moved into [low, high]."""
        return float(min(max(value, self.low), self.high))


def phi(z: float) -> float:
    """Standard normal distribution function."""
    return 0.5 * math.erfc(-z / math.sqrt(2))


def _poisson_quantile(u: float, mean: float) -> int:
    k, term = 0, math.exp(-mean)
    total = term
    while total < u and k < 1000:
        k += 1
        term *= mean / k
        total += term
    return k


def draw(
    priors: Mapping[str, Prior],
    z: Sequence[float] | np.ndarray[Any, np.dtype[np.float64]],
    controls: Mapping[str, Any],
) -> dict[str, Value]:
    """One value a prior from one standard normal each, controls applied.

    A control is a fixed value, {"low": a, "high": b}, {"mean": m, "sd": s} or {"choices": [...]}.
    Raises ValueError that names an unknown field or an impossible value and lists what is valid.
    """
    unknown = sorted(set(controls) - set(priors))
    if unknown:
        raise ValueError(f"unknown control {', '.join(unknown)}: use one of {', '.join(sorted(priors))}")
    return {
        name: _controlled(name, prior, controls[name], float(q))
        if name in controls
        else prior.value(float(q))
        for (name, prior), q in zip(priors.items(), z, strict=True)
    }


def _controlled(name: str, prior: Prior, control: Any, z: float) -> Value:
    if not isinstance(control, Mapping):
        return _checked(name, prior, control)
    keys = set(control)
    if keys == {"choices"} and isinstance(control["choices"], Sequence) and len(control["choices"]) > 0:
        values = [_checked(name, prior, item) for item in control["choices"]]
        return values[min(int(phi(z) * len(values)), len(values) - 1)]
    if prior.kind in ("chance", "choice") or keys not in ({"low", "high"}, {"mean", "sd"}):
        raise ValueError(_refusal(name, prior, control))
    first, second = (control[key] for key in (("low", "high") if "low" in keys else ("mean", "sd")))
    if not (_is_number(first) and _is_number(second)):
        raise ValueError(_refusal(name, prior, control))
    if keys == {"mean", "sd"}:
        if second < 0:
            raise ValueError(_refusal(name, prior, control))
        return _rounded(prior, prior.clip(first + second * z))
    if first > second:
        raise ValueError(_refusal(name, prior, control))
    _checked(name, prior, first)
    _checked(name, prior, second)
    if prior.kind == "count":
        return int(first + math.floor(min(phi(z), 1 - 1e-12) * (second - first + 1)))
    return float(first + (second - first) * phi(z))


def _checked(name: str, prior: Prior, value: Any) -> Value:
    if prior.kind == "chance" and isinstance(value, bool):
        return value
    if prior.kind == "choice" and value in prior.options:
        return str(value)
    numeric = prior.kind not in ("chance", "choice") and _is_number(value)
    if not numeric or not prior.low <= value <= prior.high or (prior.kind == "count" and value != int(value)):
        raise ValueError(_refusal(name, prior, value))
    return _rounded(prior, value)


def _rounded(prior: Prior, value: float) -> Value:
    return max(0, round(value)) if prior.kind == "count" else float(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _refusal(name: str, prior: Prior, control: Any) -> str:
    match prior.kind:
        case "chance":
            valid = "true, false or {choices = [...]} of these"
        case "choice":
            valid = f"one of {', '.join(prior.options)} or {{choices = [...]}} of these"
        case _:
            what = "a whole number" if prior.kind == "count" else "a number"
            valid = (
                f"{what} from {prior.low:g} to {prior.high:g}, or {{low, high}}, {{mean, sd}}, {{choices}}"
            )
    return f"control {name} = {control!r} is impossible: give {valid}"


def normal(help: str, mean: float, sd: float, low: float, high: float, shared: float = 0.0) -> Prior:
    """Normal distribution, clipped to [low, high]."""
    return Prior(help, "normal", mean, sd, low, high, shared)


def lognormal(help: str, median: float, sd: float, low: float, high: float, shared: float = 0.0) -> Prior:
    """Log-normal distribution of given median and log-sd, clipped to [low, high]."""
    return Prior(help, "lognormal", median, sd, low, high, shared)


def uniform(help: str, low: float, high: float, shared: float = 0.0) -> Prior:
    """Uniform distribution on [low, high]."""
    return Prior(help, "uniform", low=low, high=high, shared=shared)


def count(help: str, mean: float, high: int, shared: float = 0.0) -> Prior:
    """Poisson distribution of given mean, at most `high`."""
    return Prior(help, "count", mean, low=0, high=high, shared=shared)


def chance(help: str, p: float, shared: float = 0.0) -> Prior:
    """True with probability p."""
    return Prior(help, "chance", p, shared=shared)


def choice(help: str, shared: float = 0.0, **weights: float) -> Prior:
    """One of the named options with the given weights."""
    return Prior(help, "choice", shared=shared, options=tuple(weights), weights=tuple(weights.values()))
