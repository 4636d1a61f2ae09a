"""What an option does not do: marks on those that change no result, or that a training goes on with."""

from collections.abc import Iterator
from enum import Enum
from typing import Any

from pydantic import BaseModel


class Effect(Enum):
    """Stands in an option's annotation, as `Annotated[int, Effect.NOTHING]`; without one it determines."""

    NOTHING = "where, how fast or how often it is told, never what"
    CONTINUES = "more of it goes on with the training that is there"
    DRAWING = "read by a trained engine that draws, not by its training"


def effects(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, Effect]]:
    """Every marked option or section of a model, by its dotted name."""
    for key, field in model.model_fields.items():
        marks = [mark for mark in field.metadata if isinstance(mark, Effect)]
        yield from ((f"{prefix}{key}", mark) for mark in marks)
        if not marks and isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from effects(field.annotation, f"{prefix}{key}.")


def without(section: BaseModel, *left_out: Effect) -> dict[str, Any]:
    """A section as JSON-able values, without the options that bear one of these marks."""
    content = section.model_dump(mode="json")
    for name, effect in effects(type(section)):
        if effect in left_out:
            *inner, key = name.split(".")
            values = content
            for part in inner:
                values = values[part]
            del values[key]
    return content


def drawn(section: BaseModel) -> dict[str, Any]:
    """The options of an engine's section that its pictures may depend on: all but how long and where."""
    return without(section, Effect.NOTHING, Effect.CONTINUES)


def learned(section: BaseModel) -> dict[str, Any]:
    """The options of an engine's section that decide what it learns, but not for how long."""
    return without(section, *Effect)


def continued(section: type[BaseModel]) -> tuple[str, ...]:
    """Names of the options of a section that a training may be continued with, or that it only tells by."""
    return tuple(name for name, effect in effects(section) if effect is not Effect.DRAWING)
