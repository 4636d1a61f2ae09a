"""Registries: parts by name, ours and those of other installed packages, loaded when they are asked for."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, TypeVar, cast

from manifests.words import PalmforgeError

Part = TypeVar("Part")


class PluginError(PalmforgeError):
    """A part that no installed package brings, or one that cannot be loaded."""


@dataclass(frozen=True)
class Registry(Generic[Part]):
    """Parts of one kind by name: our own as "module:object", others through the entry point `group`.

    Nothing is imported before it is asked for, and a plug-in that is broken is named when it is, not before.
    """

    group: str  # palmforge.engines
    kind: str  # as a person calls it: "engine"
    ours: Mapping[str, str]

    @cached_property
    def plugins(self) -> Mapping[str, EntryPoint]:
        """What other installed packages bring; a name of ours stays ours."""
        return {p.name: p for p in entry_points(group=self.group) if p.name not in self.ours}

    def names(self) -> tuple[str, ...]:
        """All names, ours first."""
        return (*self.ours, *sorted(self.plugins))

    def get(self, name: str) -> Part:
        """The part called `name`. Raises PluginError: the valid names, or why it cannot be loaded."""
        if name in self.ours:
            module, _, attribute = self.ours[name].partition(":")
            return cast(Part, getattr(import_module(module), attribute))
        if name not in self.plugins:
            raise PluginError(f"no {self.kind} is called {name!r}; there are {', '.join(self.names())}")
        point = self.plugins[name]
        try:
            return cast(Part, point.load())
        except Exception as error:
            package = point.dist.name if point.dist else point.value
            raise PluginError(
                f"the {self.kind} {name!r} of the package {package} cannot be loaded: {error}"
            ) from error

    def items(self) -> Iterator[tuple[str, Part]]:
        """Every part with its name; loads them all."""
        for name in self.names():
            yield name, self.get(name)

    def __contains__(self, name: Any) -> bool:
        return name in self.ours or name in self.plugins
