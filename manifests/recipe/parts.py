"""Parts that a recipe names: engines, gates and sources, ours or of other packages, and their own options."""

from collections.abc import Container, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from typing import Any, cast

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from manifests.registry import Part, PluginError, Registry

# The registry of each kind, loaded by name because its floor is above this one, and what names its parts.
REGISTRIES = {
    "engine": "tasks.engines.registry:ENGINES",
    "source": "tasks.photographs.sources.registry:SOURCES",
    "gate": "tasks.judge.gates.registry:GATES",
}
NAMED = {"engine": ("engine", "name"), "source": ("source", "kind"), "gate": ("gates", "use")}


def registry(kind: str) -> Registry[Any]:
    """The registry of a kind."""
    module, _, name = REGISTRIES[kind].partition(":")
    return cast(Registry[Any], getattr(import_module(module), name))


@dataclass(frozen=True)
class PartName:
    """Marks an option that names a part: unknown names are refused, with the valid ones."""

    kind: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._known, handler(source))

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {**handler(core), "enum": list(registry(self.kind).names())}

    def _known(self, name: str) -> str:
        if name not in (parts := registry(self.kind)):
            raise ValueError(parts.unknown(name))
        return name


def sections(data: Mapping[str, Any], reserved: Container[str]) -> dict[str, type[Any]]:
    """Sections beyond a recipe's `reserved` ones that `data` writes, or whose part it uses, with their types.

    Others stay out, so that an installed plug-in changes no digest of recipes that do not use it. Raises
    PluginError for a part that cannot be loaded, or whose section has the name of another.
    """
    found: dict[str, type[Any]] = {}
    for kind in REGISTRIES:
        parts, used = registry(kind), _used(data, kind)
        for name in parts.names():
            section = name.replace("-", "_")
            if name in used or (section in data and section not in reserved):
                _add(found, parts.get(name), reserved)
    return found


def all_sections(reserved: Container[str]) -> dict[str, type[Any]]:
    """The sections of every part that can be loaded, beyond the `reserved` ones."""
    found: dict[str, type[Any]] = {}
    for kind in REGISTRIES:
        for _, part in registry(kind).items():
            with suppress(PluginError):
                _add(found, part, reserved)
    return found


def _add(found: dict[str, type[Any]], part: Part, reserved: Container[str]) -> None:
    section, options = part.own_section, part.options
    if options is None or (part.section in reserved and part.section):
        return
    if section in reserved or found.get(section, options) is not options:
        raise PluginError(f"{part.name!r} cannot have its options in [{section}]: that is another section")
    found[section] = options


def _used(data: Mapping[str, Any], kind: str) -> list[Any]:
    value: Any = data
    for key in NAMED[kind]:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value if isinstance(value, list) else [value]
