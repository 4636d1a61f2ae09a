"""The table to publish, CSV and LaTeX: rows are recognisers and what they learned, columns test sets."""

import csv
import io
import re
from collections.abc import Iterator, Mapping
from typing import Any

from tasks.report import page

CSV, LATEX = "evaluation.csv", "evaluation.tex"
HEADS = (
    "recogniser", "trained_on", "identities", "images", "test", "protocol", "measure", "at", "value", "low",
    "high", "genuine_pairs", "impostor_pairs", "runs",
)  # fmt: skip
SIGNS = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}


def column(test: Mapping[str, Any]) -> str:
    """A test set and which of its pairs, in words."""
    return str(test["name"]) + ("" if test["protocol"] == "all" else f", {test['protocol']}")


def row(trained: Mapping[str, Any]) -> str:
    """A recogniser and what it learned, in words."""
    size = f" ({trained['identities']} identities)" if trained["identities"] else ""
    return f"{trained['recogniser']} on {trained['name']}{size}"


def unversioned(name: str) -> str:
    """A set's name without its versions, so that a legend or a column holds it."""
    return re.sub(r" \d{8}T\d{6}-\w+", "", name)


def tar(fnmr: Mapping[str, float]) -> dict[str, float]:
    """True accept rate: what is not falsely rejected."""
    return {"value": 1 - fnmr["value"], "low": 1 - fnmr["high"], "high": 1 - fnmr["low"]}


def summary(found: Mapping[str, Any]) -> dict[str, Any]:
    """One figure a cell and its interval: EER, and TAR at the strictest FMR that a test's pairs support."""
    at = [list(r["verification"]["fnmr"])[-1:] for r in found["trained"][0]["results"]]
    heads = [
        (column(test), limit[0] if limit else None) for test, limit in zip(found["tests"], at, strict=True)
    ]
    rows = []
    for trained in [*found["trained"], *found["curve"]]:
        cells = []
        for result, limit in zip(trained["results"], at, strict=True):
            rates = result["verification"]
            cells.append((rates["eer"], tar(rates["fnmr"][limit[0]]) if limit else None))
        rows.append({"row": trained, "cells": cells})
    return {"heads": heads, "rows": rows}


def as_csv(found: Mapping[str, Any]) -> str:
    """One figure a line; rates are shares. What the pairs cannot support has no value."""
    out = io.StringIO()
    lines = csv.writer(out, lineterminator="\n")
    lines.writerow(HEADS)
    for trained in [*found["trained"], *found["curve"]]:
        who = [trained[key] for key in ("recogniser", "name", "identities", "images")]
        for result in trained["results"]:
            rates = result["verification"]
            counts = [rates[key] for key in ("genuine_pairs", "impostor_pairs", "runs")]
            for measure, at, rate in _measures(result):
                values = [rate.get(key, "") for key in ("value", "low", "high")]
                lines.writerow([*who, result["test"], result["protocol"], measure, at, *values, *counts])
    return out.getvalue()


def _measures(result: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, float]]]:
    verified, searched = result["verification"], result["identification"]
    yield "EER", "", verified["eer"]
    for fmr, rate in verified["fnmr"].items():
        yield "TAR", f"FMR {fmr}", tar(rate)
    for fmr in verified["refused"]:
        yield "TAR", f"FMR {fmr}", {}
    yield "rank-1", "", searched["rank_one"]
    for fpir, rate in searched["fnir"].items():
        yield "FNIR", f"FPIR {fpir}", rate


def as_latex(found: Mapping[str, Any]) -> str:
    """The summary as a booktabs table, with the command that makes it."""
    summed = summary(found)
    heads = " & ".join(rf"\multicolumn{{2}}{{c}}{{{_tex(name)}}}" for name, _ in summed["heads"])
    under = " & ".join(f"EER & TAR@{limit}" if limit else "EER & TAR" for _, limit in summed["heads"])
    lines = [
        f"% {found['made']['command']}",
        "% " + ", ".join(f"{name} {version}" for name, version in found["made"]["software"].items()),
        rf"\begin{{tabular}}{{ll{'rr' * len(summed['heads'])}}}", r"\toprule",
        rf"Recogniser & Trained on & {heads} \\", rf" & & {under} \\", r"\midrule",
    ]  # fmt: skip
    for entry in summed["rows"]:
        cells = [_cell(rate) for pair in entry["cells"] for rate in pair]
        lines.append(
            " & ".join([_tex(entry["row"]["recogniser"]), _tex(_learned(entry["row"])), *cells]) + r" \\"
        )
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", ""])


def _learned(trained: Mapping[str, Any]) -> str:
    return f"{trained['name']} ({trained['identities']})" if trained["identities"] else "--"


def _cell(rate: Mapping[str, float] | None) -> str:
    return "--" if rate is None else f"{page.number(rate['value'])} [{page.interval(rate)}]"


def _tex(text: str) -> str:
    return re.sub(r"[\\~^]", lambda sign: SIGNS[sign[0]], re.sub(r"([&%$#_{}])", r"\\\1", text))
