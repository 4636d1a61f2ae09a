"""Draws the charts of the report and of an evaluation: similarity histograms, DET curves, utility curves."""

import io
import re
from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

INK, QUIET, LINE = "#1c1e21", "#5f6670", "#e2e5e9"
SERIES = ("#2f6db3", "#c2571a", "#5b8c3e", "#8a4fa3", "#b8860b", "#3f8f8f", "#a33f5b", "#6b6b6b")
THEMED = {INK: "var(--ink)", QUIET: "var(--quiet)", LINE: "var(--line)"}  # in a page, light or dark
SETTINGS: Any = {
    "svg.fonttype": "none", "svg.hashsalt": "palmforge", "font.size": 9.5, "axes.edgecolor": QUIET,
    "axes.labelcolor": QUIET, "text.color": INK, "xtick.color": QUIET, "ytick.color": QUIET,
    "axes.spines.top": False, "axes.spines.right": False, "axes.linewidth": 0.8, "legend.frameon": False,
    "grid.color": LINE, "grid.linewidth": 0.8,
}  # fmt: skip
TICKS = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 0.9, 0.99, 0.999)  # of a DET curve
DASHES: Any = ("-", (0, (4, 2)), (0, (1, 1.5)))  # a colour comes again with the next
NAMES = {"genuine": "same identity", "impostor": "different identities", "real": "different photographs"}

Interval = Mapping[str, float]  # value, low, high


@mpl.rc_context(SETTINGS)
def histogram(found: Mapping[str, Any], threshold: float | None) -> Figure:
    """Shares of similarities in bins, for each kind that was measured, and the threshold of the EER."""
    figure, axes = _axes((4.3, 2.9))
    edges = found["edges"]
    for colour, (kind, name) in zip(SERIES, NAMES.items(), strict=False):
        if kind in found:
            axes.stairs(found[kind], edges, fill=kind != "real", color=colour, alpha=0.45, label=name)
            axes.stairs(found[kind], edges, color=colour, linewidth=1.2)
    if threshold is not None:
        axes.axvline(threshold, color=QUIET, linewidth=0.9, linestyle=(0, (3, 2)))
        axes.text(threshold, 0.97 * axes.get_ylim()[1], " equal error", color=QUIET, va="top", fontsize=8.5)
    axes.set(
        xlabel="similarity (cosine)", ylabel="share of pairs", xlim=(edges[0], edges[-1]), ylim=(0, None)
    )
    axes.legend(
        loc="lower left", bbox_to_anchor=(-0.02, 1.0), borderaxespad=0.2, ncols=3, fontsize=8.5,
        handlelength=1.0, columnspacing=1.2,
    )  # fmt: skip
    return figure


@mpl.rc_context(SETTINGS)
def det(curves: Mapping[str, Sequence[tuple[float, float]]]) -> Figure:
    """Detection error trade-off: FNMR against FMR, both on normal deviate scales (Martin et al. 1997)."""
    figure, axes = _axes((5.2, 4.2 + 0.09 * len(curves)) if len(curves) > 1 else (4.3, 3.4))
    deviate = NormalDist().inv_cdf
    drawn: list[tuple[float, float]] = []
    for k, (name, points) in enumerate(curves.items()):
        inside = [(x, y) for x, y in points if 0 < x < 1 and 0 < y < 1]
        if not inside:
            continue
        drawn += inside
        style = {"color": SERIES[k % len(SERIES)], "linestyle": DASHES[k // len(SERIES) % len(DASHES)]}
        axes.plot(*zip(*((deviate(x), deviate(y)) for x, y in inside), strict=True), label=name, **style)
    if not axes.lines:
        axes.text(0.5, 0.5, "no errors to draw", transform=axes.transAxes, ha="center", color=QUIET)
    across, up = (_enclosing([p[side] for p in drawn]) for side in (0, 1))
    axes.set_xticks([deviate(t) for t in across], [f"{100 * t:g}" for t in across])
    axes.set_yticks([deviate(t) for t in up], [f"{100 * t:g}" for t in up])
    axes.set(xlim=(deviate(across[0]), deviate(across[-1])), ylim=(deviate(up[0]), deviate(up[-1])))
    ends = [max(across[0], up[0]), min(across[-1], up[-1])]
    axes.plot(*[[deviate(t) for t in ends]] * 2, color=LINE, linewidth=0.9, zorder=0)
    axes.grid(True)
    axes.set(xlabel="FMR, %", ylabel="FNMR, %")
    if len(curves) > 1 and axes.get_legend_handles_labels()[1]:
        figure.legend(loc="outside lower center", fontsize=8.5, ncols=2)
    return figure


def _enclosing(rates: Sequence[float]) -> list[float]:
    """The ticks around all rates, and those between: both ends of the axis are ticks."""
    low, high = (min(rates), max(rates)) if rates else (0.01, 0.4)
    first = max((k for k, t in enumerate(TICKS) if t <= low), default=0)
    last = min((k for k, t in enumerate(TICKS) if t >= high), default=len(TICKS) - 1)
    return list(TICKS[first : max(last, first + 1) + 1])


@mpl.rc_context(SETTINGS)
def utility(lines: Mapping[str, Sequence[tuple[int, Interval]]], label: str, over: str) -> Figure:
    """A rate (shares, drawn in %) against the number of identities, or what else `over` names, trained on."""
    figure, axes = _axes((4.3, 2.9))
    for colour, (name, points) in zip(SERIES * len(lines), lines.items(), strict=False):
        at, rates = [p[0] for p in points], [p[1] for p in points]
        axes.plot(at, [100 * r["value"] for r in rates], "o-", color=colour, markersize=4, label=name)
        low, high = [100 * r["low"] for r in rates], [100 * r["high"] for r in rates]
        axes.fill_between(at, low, high, color=colour, alpha=0.15, linewidth=0)
    axes.grid(True, axis="y")
    ticks = sorted({at for points in lines.values() for at, _ in points})
    axes.set_xscale("log", base=2)
    axes.set_xticks(ticks, [str(t) for t in ticks])
    axes.minorticks_off()
    axes.set(xlabel=f"{over} trained on", ylabel=label, ylim=(0, None))
    axes.legend(fontsize=8.5)
    return figure


def _axes(size: tuple[float, float]) -> tuple[Figure, Axes]:
    figure = Figure(figsize=size, layout="constrained")
    return figure, figure.add_subplot()


@mpl.rc_context(SETTINGS)
def png(figure: Figure) -> bytes:
    """The chart as a PNG file on white."""
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=200, metadata={"Software": None})
    return out.getvalue()


@mpl.rc_context(SETTINGS)
def svg(figure: Figure, *, themed: bool = True) -> str:
    """The chart as an SVG element: `themed` in the colours and type of its page, as wide as its place."""
    out = io.StringIO()
    figure.savefig(out, format="svg", transparent=themed, metadata={"Date": None, "Creator": None})
    text = out.getvalue()
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    if not themed:
        return text
    for side in ("width", "height"):  # the page decides
        text = re.sub(rf'(<svg[^>]*?) {side}="[^"]*"', r"\1", text, count=1)
    text = re.sub(r"font: ([\d.]+)px [^;\"]*", r"font-size: \1px", text)
    for colour, variable in THEMED.items():
        text = text.replace(colour, variable)
    return text
