"""Renders the self-contained pages, report and evaluation: one look, no outside address."""

import base64
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from tasks.report.charts import svg
from tasks.report.shown import small


def render(template: str, **values: Any) -> str:
    """The page of a template in tasks/templates."""
    return _environment().get_template(template).render(**values)


def uri(data: bytes) -> str:
    """A picture as a small WebP in the page itself."""
    return f"data:image/webp;base64,{base64.b64encode(small(data)).decode()}"


def percent(share: float) -> str:
    """A chosen share, such as a false match rate: 0.0312 -> 3.12 %, 0.25 -> 25 %."""
    text = number(share)
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text}\N{NO-BREAK SPACE}%"


def number(share: float) -> str:
    """A measured share as per cent: 25.0, 3.12; very small ones keep one digit that counts."""
    value = 100 * share
    return f"{value:.1f}" if value >= 9.95 else f"{value:.2f}" if value >= 0.01 else f"{value:.1g}"


def rate(found: Mapping[str, float]) -> str:
    """A rate with its interval: 3.12 % (2.01 to 4.40)."""
    return f"{number(found['value'])} % ({interval(found)})"


def interval(found: Mapping[str, float]) -> str:
    """The interval of a rate in per cent: 2.01 to 4.40."""
    return f"{number(found['low'])} to {number(found['high'])}"


def listed(facts: Mapping[str, Any]) -> str:
    """Facts as aligned lines, one node of a page however many there are."""
    width = max((len(key) for key in facts), default=0)
    return "\n".join(f"{key.replace('_', ' '):<{width}}  {value}" for key, value in facts.items())


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "uri": uri,
        "percent": percent,
        "number": number,
        "rate": rate,
        "listed": listed,
        "interval": interval,
    }
    environment.filters["svg"] = lambda figure: Markup(svg(figure))  # drawn by us: nothing of a user's in it
    return environment
