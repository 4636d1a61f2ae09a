"""The types of the flows' parameters, from the recipe's own fields: the API refuses what a recipe would."""

from typing import TYPE_CHECKING, Annotated, Any

import tomli_w
from pydantic import BaseModel, Field, create_model

from manifests.recipe import Recipe
from manifests.recipe.sections import Section

RecipePath = Annotated[str, Field(min_length=1, pattern=r"\.toml$", description="path of a recipe, *.toml")]
Assignment = Annotated[str, Field(pattern=r"^[A-Za-z_]\w*(\.\w+)*=", description="section.key=value")]
Assignments = list[Assignment]


def _optional(model: type[BaseModel], name: str) -> type[BaseModel]:
    """The same options with the same limits, none required; rules between options are the recipe's."""
    fields: dict[str, Any] = {}
    for key, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            kind = _optional(kind, f"{kind.__name__}Changes")
        else:
            kind = Annotated[(kind, *field.metadata)] if field.metadata else kind  # type: ignore[assignment]
        fields[key] = (kind, Field(default=None, description=field.description))  # None: as in the recipe
    return create_model(name, __base__=Section, **fields)


if TYPE_CHECKING:
    Changes = BaseModel
else:
    Changes = _optional(Recipe, "Changes")
NO_CHANGES = Changes()


def assignments(changes: BaseModel) -> list[str]:
    """The changes as assignments in TOML: {"dataset": {"identities": 4}} becomes dataset.identities=4."""
    given = changes.model_dump(mode="json", exclude_unset=True)
    return [f"{key}={_toml(value)}" for key, value in _leaves(given, "") if value is not None]


def _leaves(values: dict[str, Any], prefix: str) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for key, value in values.items():
        name = f"{prefix}{key}"
        is_control = name.startswith(("identity.", "capture."))  # which may be a table itself
        is_section = isinstance(value, dict) and not is_control
        found += _leaves(value, f"{name}.") if is_section else [(name, value)]
    return found


def _toml(value: Any) -> str:
    """A value as TOML in one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return tomli_w.dumps({"v": value}).removeprefix("v = ").rstrip("\n")
