"""The yardstick's figures as tables in Markdown, and whole as JSON."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

MEASURES = {"eer": "EER", "tar@0.01": "TAR at FMR 1e-2", "tar@0.001": "TAR at FMR 1e-3", "miss": "miss"}
AGAINST = {"fnmr@0.01": "1 − TAR at 1e-2", "miss": "miss"}
LEGEND = """\
Per cent with 95 % intervals, a bootstrap over hands. `hands`: every hand counts alike; `pairs`: every pair.
_Slanted_: fewer than 30 false matches are expected there (ISO/IEC 19795-1).
miss: mean of 1 − TAR over FMR 1e-3 to 1e-1, the steadiest figure to compare two sets by.
Error / baseline's: on the same draws of hands; 0.5 is half of the baseline's errors."""


def as_text(found: Mapping[str, Any]) -> str:
    """Markdown."""
    return "\n".join([*_distances(found), "", *_rates(found), "", LEGEND, "", *_notes(found)])


def write(found: Mapping[str, Any], out: Path) -> None:
    """yardstick.json and yardstick.md into `out`."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "yardstick.json").write_text(json.dumps(found, indent=1) + "\n")
    (out / "yardstick.md").write_text(as_text(found) + "\n")


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _distances(found: Mapping[str, Any]) -> Iterator[str]:
    rows = {name: row["distances"] for name, row in found["rows"].items() if "distances" in row}
    rows |= found["distances"]
    heads = list(next(iter(rows.values()), {}))
    yield _row("distance of", *heads)
    yield _row(*["---"] * (len(heads) + 1))
    for name, row in rows.items():
        yield _row(name, *(f"{row[head]:.1f}" for head in heads))


def _rates(found: Mapping[str, Any]) -> Iterator[str]:
    heads = ["trained on", "augmentation", "tested on", "alike count", *MEASURES.values()]
    heads += [f"{name} / baseline's" for name in AGAINST.values()]
    yield _row(*heads)
    yield _row(*["---"] * len(heads))
    for name, row in found["rows"].items():
        for way, tests in row.items():
            for test in found["tests"] if way != "distances" else ():
                for weighting, cell in tests[test].items():
                    figures = [_share(cell[m]) for m in MEASURES]
                    against = [_times(cell["against"][m]) if "against" in cell else "" for m in AGAINST]
                    own = "–" if "trainings" not in tests else way
                    yield _row(name, own, test, weighting, *figures, *against)


def _share(cell: Mapping[str, Any]) -> str:
    text = f"{100 * cell['value']:.1f} ({100 * cell['low']:.1f}–{100 * cell['high']:.1f})"
    return text if cell["supported"] else f"_{text}_"


def _times(cell: Mapping[str, Any]) -> str:
    return f"{cell['value']:.2f} ({cell['low']:.2f}–{cell['high']:.2f})"


def _notes(found: Mapping[str, Any]) -> Iterator[str]:
    for name, test in found["tests"].items():
        yield f"- {name}: {test['palms']} palms of {test['hands']} hands; {test['note']}."
    for name, row in found["rows"].items():
        for way, tests in row.items():
            for facts in tests.get("trainings", []) if way != "distances" else ():
                state = "converged" if facts["converged"] else "ended by its budget"
                steps = f"{facts['steps']} steps in {facts['seconds']} s ({facts['cpu_seconds']} s of CPU)"
                error = f"validation EER {100 * facts['trace'][-1][2]:.2f} %"
                yield f"- {name}, {way} augmentation: {facts['images']} palms, {steps}, {error}, {state}."
