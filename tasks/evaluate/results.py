"""Writes an evaluation: JSON, a self-contained page, charts as PNG and SVG, and a table for a terminal."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from manifests.files.layout import atomic_write
from tasks.report import page
from tasks.report.charts import det, png, svg, utility

JSON, PAGE = "evaluation.json", "evaluation.html"


def write_evaluation(found: Mapping[str, Any], out: Path) -> Path:
    """Write what `evaluate.answer` found into the folder `out`; returns the page's path."""
    charts = charts_of(found)
    atomic_write(out / JSON, (json.dumps(found, indent=1) + "\n").encode())
    for name, figure in charts.items():
        atomic_write(out / f"{name}.png", png(figure))
        atomic_write(out / f"{name}.svg", svg(figure, themed=False).encode())
    text = page.render("evaluation.html", found=found, charts=charts, tests=range(len(found["tests"])))
    atomic_write(out / PAGE, text.encode())
    return out / PAGE


def charts_of(found: Mapping[str, Any]) -> dict[str, Figure]:
    """A DET chart for each test, and the utility curve where one was asked for."""
    charts = {
        f"det_{k}": det({_short(t): t["results"][k]["verification"]["det"] for t in found["trained"]})
        for k in range(len(found["tests"]))
    }
    if found["curve"]:
        points = [*found["curve"], *([found["trained"][0]] if _beyond(found) else [])]
        charts["utility"] = utility(
            {
                test["name"]: [(p["identities"], p["results"][k]["verification"]["eer"]) for p in points]
                for k, test in enumerate(found["tests"])
            },
            "EER, %",
        )
    return charts


def _beyond(found: Mapping[str, Any]) -> bool:
    """The whole set has more identities than the last point of the curve."""
    return bool(found["trained"][0]["identities"] > found["curve"][-1]["identities"])


def _short(trained: Mapping[str, Any]) -> str:
    """The name without a version's digest, so that a legend holds it."""
    return str(trained["name"]).split(" ")[0]


def table(found: Mapping[str, Any]) -> str:
    """The figures as lines for a terminal: rates in per cent with their 95 % intervals."""
    budget = found["budget"]
    lines = [
        f"{found['dataset']}: {budget['seeds']} recognisers of {budget['steps']} steps at {budget['size']} px"
    ]
    for k, test in enumerate(found["tests"]):
        first = found["trained"][0]["results"][k]["verification"]
        lines += [
            "", f"tested on {test['name']}: {test['images']} images of {test['identities']} hands, "
            f"{first['genuine_pairs']} genuine and {first['impostor_pairs']} impostor pairs ({test['note']})",
        ]  # fmt: skip
        fmrs = list(first["fnmr"])
        heads = ["trained on", "identities", "rank-1", "EER", *(f"FNMR@FMR {f}" for f in fmrs)]
        rows = [heads]
        for trained in [*found["trained"], *found["curve"]]:
            result = trained["results"][k]
            rates = [result["identification"]["rank_one"], result["verification"]["eer"]]
            rates += [result["verification"]["fnmr"][f] for f in fmrs]
            cells = [f"{page.number(r['value'])} ({page.interval(r)})" for r in rates]
            rows.append([trained["name"][:40], str(trained["identities"]), *cells])
        widths = [max(len(row[i]) for row in rows) for i in range(len(heads))]
        lines += [
            "  " + "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows
        ]
        if first["refused"]:
            needs = ", ".join(f"{fmr} ({pairs:,} pairs)" for fmr, pairs in first["refused"].items())
            lines.append(f"  too few impostor pairs for FMR {needs}")
    return "\n".join(lines)
