"""What is wrong with a recipe, said in the words of the recipe: each wrong key with the valid ones."""

import difflib
import typing
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from manifests.words import PalmforgeError


class RecipeError(PalmforgeError):
    """A recipe that cannot be used; the message lists every wrong key and what would be right."""


def explain(error: ValidationError, model: type[BaseModel], where: str) -> str:
    """One line a mistake: dotted key, what is wrong, what would be valid."""
    lines = [_line(mistake, model) for mistake in error.errors(include_url=False)]
    return "\n".join([f"{where}: {len(lines)} mistake{'s' * (len(lines) > 1)} in the recipe", *lines])


def _line(mistake: Any, model: type[BaseModel]) -> str:
    keys = [key for key in mistake["loc"] if not (isinstance(key, str) and key.startswith("function-"))]
    dotted = ".".join(str(key) for key in keys) or "recipe"
    if mistake["type"] == "extra_forbidden":
        return f"  {dotted}: unknown key; {_suggestion(str(keys[-1]), _valid_keys(model, keys[:-1]))}"
    if mistake["type"] == "missing":
        return f"  {dotted}: missing; every recipe needs it"
    if mistake["type"] in ("model_type", "dict_type"):
        return f"  {dotted}: must be a section [{dotted}] with keys, not the value {_short(mistake['input'])}"
    if mistake["type"] == "value_error":
        return f"  {dotted}: {mistake['ctx']['error']}"
    return f"  {dotted}: {_plain(mistake['msg'])}, not {_short(mistake['input'])}"


def _valid_keys(model: type[BaseModel], keys: Sequence[object]) -> list[str]:
    current: Any = model
    for key in keys:
        if isinstance(key, str):
            current = _model_in(current.model_fields[key].annotation)
    return list(current.model_fields)


def _model_in(annotation: Any) -> Any:
    """The section that an annotation holds, also inside tuple[Section, ...]."""
    parts = typing.get_args(annotation)
    return next(part for part in parts if isinstance(part, type)) if parts else annotation


def _suggestion(key: str, valid: Sequence[str]) -> str:
    close = difflib.get_close_matches(key, valid, n=1, cutoff=0.6)
    guess = f"did you mean {close[0]}? " if close else ""
    return f"{guess}valid keys: {', '.join(valid)}"


def _plain(message: str) -> str:
    return (
        message.removeprefix("Input ")
        .removeprefix("String ")
        .replace("should be", "must be")
        .replace("should match pattern", "must match")
        .replace("should have", "must have")
    )


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
