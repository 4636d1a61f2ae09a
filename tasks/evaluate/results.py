"""Writes an evaluation: JSON, CSV, LaTeX, a page, charts as PNG and SVG, a table for a terminal."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from manifests.files.layout import atomic_write
from tasks.evaluate.reported import REPORT, as_report
from tasks.evaluate.tables import CSV, LATEX, as_csv, as_latex, column, row, summary, tar, unversioned
from tasks.report import page
from tasks.report.charts import det, png, svg, utility

JSON, PAGE = "evaluation.json", "evaluation.html"


def write_evaluation(found: Mapping[str, Any], out: Path) -> Path:
    """Write what `evaluate.answer` found into the folder `out`; returns the page's path."""
    charts = charts_of(found)
    atomic_write(out / JSON, (json.dumps(found, indent=1) + "\n").encode())
    atomic_write(out / REPORT, (json.dumps(as_report(found), indent=1) + "\n").encode())
    atomic_write(out / CSV, as_csv(found).encode())
    atomic_write(out / LATEX, as_latex(found).encode())
    for name, figure in charts.items():
        atomic_write(out / f"{name}.png", png(figure))
        atomic_write(out / f"{name}.svg", svg(figure, themed=False).encode())
    text = page.render(
        "evaluation.html", found=found, charts=charts, tests=range(len(found["tests"])), column=column,
        tar=tar, unversioned=unversioned, summary=summary(found), unfinished=unfinished(found),
        files=[JSON, REPORT, CSV, LATEX],
    )  # fmt: skip
    atomic_write(out / PAGE, text.encode())
    return out / PAGE


def charts_of(found: Mapping[str, Any]) -> dict[str, Figure]:
    """A DET chart for each test, and the utility curve where one was asked for."""
    charts = {
        f"det_{k}": det({_short(t): t["results"][k]["verification"]["det"] for t in found["trained"]})
        for k in range(len(found["tests"]))
    }
    for over in dict.fromkeys(point["over"] for point in found["curve"]):
        charts[f"utility_{over}"] = utility(
            {
                f"{column(test)}, {name}": [
                    (p[over], p["results"][k]["verification"]["eer"]) for p in points
                ]
                for name, points in _points(found, over).items() for k, test in enumerate(found["tests"])
            },
            "EER, %",
            over,
        )  # fmt: skip
    return charts


def _points(found: Mapping[str, Any], over: str) -> dict[str, list[Mapping[str, Any]]]:
    """The points of each recogniser's curve, and the whole set behind them where it has more."""
    points: dict[str, list[Mapping[str, Any]]] = {}
    for point in (p for p in found["curve"] if p["over"] == over):
        points.setdefault(point["recogniser"], []).append(point)
    for name, curve in points.items():
        whole = next(t for t in found["trained"] if t["recogniser"] == name)
        if whole[over] > curve[-1][over]:
            curve.append(whole)
    return points


def _short(trained: Mapping[str, Any]) -> str:
    name = unversioned(str(trained["name"]))
    return f"{trained['recogniser']}, {name}" if trained["identities"] else str(trained["recogniser"])


def unfinished(found: Mapping[str, Any]) -> list[str]:
    """The rows of which some training ended with its budget, not because nothing was gained any more."""
    rows = [*found["trained"], *found["curve"]]
    return [row(t) for t in rows if any(seed.get("converged") is False for seed in t["training"])]


def table(found: Mapping[str, Any]) -> str:
    """The figures as lines for a terminal: rates in per cent with their 95 % intervals."""
    seeds = found["budget"]["seeds"]
    lines = [f"{found['dataset']}: {seeds} training{'s' if seeds != 1 else ''} a row"]
    for k, test in enumerate(found["tests"]):
        first = found["trained"][0]["results"][k]["verification"]
        lines += [
            "", f"tested on {column(test)}: {test['images']} images of {test['identities']} hands, "
            f"{first['genuine_pairs']} genuine and {first['impostor_pairs']} impostor pairs ({test['note']})",
        ]  # fmt: skip
        fmrs = list(first["fnmr"])
        heads = ["recogniser", "trained on", "identities", "rank-1", "EER", *(f"TAR@FMR {f}" for f in fmrs)]
        rows = [heads]
        for trained in [*found["trained"], *found["curve"]]:
            result = trained["results"][k]
            rates = [result["identification"]["rank_one"], result["verification"]["eer"]]
            rates += [tar(result["verification"]["fnmr"][f]) for f in fmrs]
            cells = [f"{page.number(r['value'])} ({page.interval(r)})" for r in rates]
            rows.append(
                [trained["recogniser"], unversioned(trained["name"])[:40], str(trained["identities"]), *cells]
            )
        lines += _lined_up(rows)
        if first["refused"]:
            needs = ", ".join(f"{fmr} ({pairs:,} pairs)" for fmr, pairs in first["refused"].items())
            lines.append(f"  too few impostor pairs for FMR {needs}")
    if short := unfinished(found):
        lines += [
            "",
            f"NOT CONVERGED, read these rows as lower bounds: {'; '.join(short)}. Give more --steps.",
        ]
    return "\n".join(lines)


def _lined_up(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(cells[i]) for cells in rows) for i in range(len(rows[0]))]
    return [
        "  " + "  ".join(c.ljust(w) for c, w in zip(cells, widths, strict=True)).rstrip() for cells in rows
    ]
