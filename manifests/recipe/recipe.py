"""The recipe: everything that determines a dataset, typed, frozen, read from TOML and named by a digest."""

import hashlib
import json
import os
import tomllib
from collections.abc import Iterator, Mapping, Sequence, Set
from functools import cache
from pathlib import Path
from typing import Annotated, Any, NamedTuple, Self, get_args, get_origin

import tomli_w
from pydantic import BaseModel, Field, ValidationError, create_model, field_validator, model_validator
from pydantic.fields import FieldInfo

from manifests.effects import Effect, without
from manifests.files.remote import RemotePath, is_remote, without_keys
from manifests.recipe.baseline_sections import Ddpm, Wgan
from manifests.recipe.errors import RecipeError, explain
from manifests.recipe.find import recipe_file
from manifests.recipe.parts import PartName, all_sections, registry, sections
from manifests.recipe.sections import (
    Align,
    Augment,
    Controls,
    Dataset,
    EngineOptions,
    Gates,
    Nightly,
    Report,
    Section,
    Source,
    Train,
)
from manifests.recipe.signing import Publish
from manifests.registry import PluginError

PATHS = (
    *("out", "work", "source.path", "train.checkpoint", "align.model"),
    *("publish.certificate", "publish.key"),
)


class Leaf(NamedTuple):
    """One option of a recipe."""

    name: str  # dotted: dataset.identities
    type: Any  # the annotation
    default: Any
    description: str


class Recipe(Section):
    """Everything that determines a dataset."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]*$", description="name of the dataset and of its folder")
    seed: int = Field(default=0, ge=0, lt=2**63, description="root of every random draw")
    out: Annotated[str, Effect.NOTHING] = Field(
        default="out", min_length=1, description="folder or address (s3://bucket/prefix) of the versions"
    )
    work: Annotated[str, Effect.NOTHING] = Field(
        default=".palmforge", min_length=1, description="folder of resumable intermediate results"
    )
    source: Source = Field(default=Source(), description="photographs of real palms")
    align: Align = Field(default=Align(), description="finding hands and cutting views")
    train: Train = Field(default=Train(), description="training the generator")
    engine: EngineOptions = Field(default=EngineOptions(), description="drawing the pictures")
    wgan: Wgan = Field(default=Wgan(), description="the engine wgan-gp")
    ddpm: Ddpm = Field(default=Ddpm(), description="the engine ddpm-tps")
    dataset: Dataset = Field(default=Dataset(), description="what is made")
    identity: Controls = Field(
        default_factory=dict, description="fixes or distributions of identity parameters"
    )
    capture: Controls = Field(
        default_factory=dict, description="fixes or distributions of capture parameters"
    )
    augment: Augment = Field(default=Augment(), description="derived pictures")
    nightly: Annotated[Nightly, Effect.NOTHING] = Field(default=Nightly(), description="growth and retention")
    gates: Gates = Field(default=Gates(), description="what must hold for a picture to be published")
    report: Report = Field(default=Report(), description="what the report may show")
    publish: Annotated[Publish, Effect.NOTHING] = Field(default=Publish(), description="who signs a version")

    @field_validator("out")
    @classmethod
    def _without_keys(cls, out: str) -> str:
        return without_keys(out)

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.nightly.add_identities and self.dataset.version:
            raise ValueError(
                "nightly.add_identities makes a new version every night: leave dataset.version empty"
            )
        registry("engine").get(self.engine.name).check(self)
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled as JSON: the process that reads it makes the class with plug-ins' sections."""
        return parse, (json.loads(self.model_dump_json()),)

    @property
    def home(self) -> Path:
        """The local folder of the dataset's versions; with a remote `out` they are kept in `work`."""
        return Path(self.work, "published") / self.name if is_remote(self.out) else Path(self.out) / self.name

    @property
    def remote_home(self) -> RemotePath | None:
        """Where versions are copied to when `out` is an address; None when it is a folder."""
        return RemotePath(self.out) / self.name if is_remote(self.out) else None

    def digest(self, *parts: str) -> str:
        """Sha256 (64 hex digits) of the named parts ("dataset", "engine.steps", …), of all if none is named.

        The order of keys and what changes nothing do not matter. Raises KeyError for an unknown part.
        """
        content = self._content()
        chosen = {part: _at(content, part.split(".")) for part in sorted(set(parts))} if parts else content
        canonical = json.dumps(chosen, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(canonical.encode()).hexdigest()

    def to_toml(self, *, execution: bool = True) -> str:
        """The recipe with every default spelled out; without `execution` only what determines the pixels."""
        return tomli_w.dumps(self.model_dump(mode="json") if execution else self._content())

    def option(self, name: str) -> Any:
        """The value of an option ("dataset.size") or of a section without what changes nothing, JSON-able.

        Raises KeyError for an unknown one, and for one that changes nothing.
        """
        return _at(self._content(), name.split("."))

    def _content(self) -> dict[str, Any]:
        return without(self, Effect.NOTHING)


def _at(content: Mapping[str, Any], keys: Sequence[str]) -> Any:
    value: Any = content
    for key in keys:
        value = value[key]
    return value


def recipe_type(data: Mapping[str, Any] | None = None) -> type[Recipe]:
    """The recipe with the sections of the parts that `data` uses; None: of every part that can be loaded.

    Raises PluginError for a part that cannot be loaded.
    """
    fields = Recipe.model_fields
    return _with(tuple((all_sections(fields) if data is None else sections(data, fields)).items()))


@cache
def _with(own: tuple[tuple[str, type[Section]], ...]) -> type[Recipe]:
    fields: Any = {key: (kind, Field(default=kind(), description=_summary(kind))) for key, kind in own}
    return create_model("Recipe", __base__=Recipe, **fields) if own else Recipe


def _summary(section: type[Section]) -> str:
    return (section.__doc__ or "options of a plug-in").partition("\n")[0]


def leaves(model: type[BaseModel] = Recipe, prefix: str = "") -> Iterator[Leaf]:
    """Every option of a recipe in its order, sections opened; `identity` and `capture` are of type dict.

    With plug-ins' options: `leaves(recipe_type())`.
    """
    for key, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from leaves(field.annotation, f"{prefix}{key}.")
        else:
            default = None if field.is_required() else field.get_default(call_default_factory=True)
            yield Leaf(f"{prefix}{key}", field.annotation, default, _description(field))


def _description(field: FieldInfo) -> str:
    """What the option means; one that names a part says which there are of ours."""
    of_items = [m for part in get_args(field.annotation) for m in getattr(part, "__metadata__", ())]
    marks = [m for m in (*field.metadata, *of_items) if isinstance(m, PartName)]
    ours = [name for mark in marks for name in registry(mark.kind).ours]
    return f"{field.description}: {', '.join(ours)}" if ours else field.description or ""


def load(path: Path | str, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe and apply overrides such as "dataset.identities=400" (TOML values; bare words are text).

    Raises RecipeError that lists every wrong key with the valid ones.
    """
    path = recipe_file(path)
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: cannot be read as a recipe: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"{path}: not valid TOML: {error}") from None
    return parse(data, overrides, where=str(path))


def parse(data: Mapping[str, Any], overrides: Sequence[str] = (), *, where: str = "recipe") -> Recipe:
    """A recipe from a mapping as TOML gives it, with overrides applied. Raises RecipeError naming `where`."""
    merged = json.loads(json.dumps(data, default=str))
    before = dict(merged.get("source") or {})
    for override in overrides:
        _apply(merged, override, where)
    _forget_source(merged, before, {override.partition("=")[0].strip() for override in overrides})
    _expand_home(merged, where)
    try:
        model = recipe_type(merged)
        return model.model_validate_json(json.dumps(merged), strict=True)
    except PluginError as error:
        raise RecipeError(f"{where}: {error}") from None
    except ValidationError as error:
        raise RecipeError(explain(error, model, where)) from None


def _expand_home(data: dict[str, Any], where: str) -> None:
    """Let ~ mean the home folder in every option that is a path."""
    for name in PATHS:
        *sections, key = name.split(".")
        section: Any = data
        for part in sections:
            section = section.get(part) if isinstance(section, dict) else None
        if isinstance(section, dict) and str(section.get(key, "")).startswith("~"):
            section[key] = os.path.expanduser(section[key])  # noqa: PTH111  # Path's fails without a home
            if section[key].startswith("~"):
                raise RecipeError(f"{where}: {name}: {section[key]!r}: no such home folder; write it out")


def _forget_source(data: dict[str, Any], before: Mapping[str, Any], given: Set[str]) -> None:
    """Whose other photographs are, and their licence, is what `given` says, not what the recipe said."""
    speaks_of = {"kind": ("dataset", "licence", "credit"), "dataset": ("licence", "credit")}
    speaks_of["path"] = speaks_of["kind"]
    for key, facts in speaks_of.items():
        if f"source.{key}" in given and data["source"].get(key) != before.get(key):
            for fact in facts:
                if f"source.{fact}" not in given:
                    data["source"].pop(fact, None)


def _apply(data: dict[str, Any], override: str, where: str) -> None:
    name, equals, text = override.partition("=")
    keys = name.strip().split(".")
    if not equals or not all(keys):
        raise RecipeError(f"{where}: override {override!r} is not of the form section.key=value")
    section = data
    for key in keys[:-1]:
        section = section.setdefault(key, {})
        if not isinstance(section, dict):
            raise RecipeError(f"{where}: override {override!r}: {key} is a value, not a section")
    section[keys[-1]] = _value(name.strip(), text.strip())


def _value(name: str, text: str) -> Any:
    """The TOML value of an override; text stays text for options that are text, and where it is no TOML.

    What an option takes several of may be named bare: "palm,hand" is ["palm", "hand"].
    """
    kind = next((leaf.type for leaf in leaves(recipe_type()) if leaf.name == name), None)
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except (tomllib.TOMLDecodeError, KeyError):
        return [part.strip() for part in text.split(",")] if get_origin(kind) is tuple else text
    return text if kind is str and not isinstance(value, str) else value
