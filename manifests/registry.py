"""Registries: parts by name, ours and those of other installed packages, loaded when they are asked for."""

import difflib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any, ClassVar, Generic, TypeVar, cast

from manifests.extras import MissingExtraError, missing, naming_extras
from manifests.words import PalmforgeError

Of = TypeVar("Of", bound="Part")


class PluginError(PalmforgeError):
    """A part that no installed package brings, or one that cannot be loaded."""


class Part:
    """What all parts say of themselves; plug-ins leave `section` empty."""

    name: ClassVar[str]  # in recipes, manifests, reports
    summary: ClassVar[str]  # one phrase for --help and docs
    options: ClassVar[type[Any] | None] = None  # type of the recipe's section with its own options, a Section
    section: ClassVar[str] = ""  # name of that section; "" = the part's name, with _ for -
    requires: ClassVar[tuple[str, ...]] = ()  # modules of third parties without which it cannot work

    @property
    def own_section(self) -> str:
        """The recipe's section with its options, "" when it has none."""
        return (self.section or self.name.replace("-", "_")) if self.options else ""


@dataclass(frozen=True)
class Registry(Generic[Of]):
    """Parts of one kind by name: our own as "module:object", others through the entry point `group`.

    Nothing is imported before it is asked for, and a plug-in that is broken is named when it is, not before.
    `type` is what a plug-in must be an instance of, as "module:class"; an entry point may name its class.
    """

    group: str  # palmforge.engines
    kind: str  # as a person calls it: "engine"
    ours: Mapping[str, str]
    type: str = ""

    @cached_property
    def plugins(self) -> Mapping[str, EntryPoint]:
        """What other installed packages bring; a name of ours stays ours."""
        return {p.name: p for p in entry_points(group=self.group) if p.name not in self.ours}

    def names(self) -> tuple[str, ...]:
        """All names, ours first."""
        return (*self.ours, *sorted(self.plugins))

    def get(self, name: str) -> Of:
        """The part called `name`. Raises PluginError: the valid names, or why it cannot be loaded.

        MissingExtraError for one of ours whose extra is not installed.
        """
        if name in self.ours:
            with naming_extras():
                return cast(Of, _object(self.ours[name]))
        if name not in self.plugins:
            raise PluginError(self.unknown(name))
        point = self.plugins[name]
        try:
            part = point.load()
            part = part() if isinstance(part, type) else part
            self._check(part, name)
        except Exception as error:
            package = point.dist.name if point.dist else point.value
            why = missing(error) or error or type(error).__name__
            raise PluginError(
                f"the {self.kind} {name!r} of the package {package} cannot be loaded: {why}; "
                f"mend or uninstall {package}"
            ) from error
        return cast(Of, part)

    def unknown(self, name: object) -> str:
        """What is said of a name that nobody brings."""
        close = difflib.get_close_matches(str(name), self.names(), n=1, cutoff=0.6)
        guess = f"did you mean {close[0]}? " if close else ""
        return f"no {self.kind} is called {name!r}; {guess}there are {', '.join(self.names())}"

    def items(self) -> Iterator[tuple[str, Of]]:
        """Every part that can be loaded, with its name: no broken plug-in, nothing whose extra is missing."""
        for name in self.names():
            with suppress(MissingExtraError):
                try:
                    yield name, self.get(name)
                except PluginError:
                    if name in self.ours:
                        raise

    def __contains__(self, name: Any) -> bool:
        return name in self.ours or name in self.plugins

    def _check(self, part: Any, name: str) -> None:
        if self.type and not isinstance(part, _object(self.type)):
            raise TypeError(f"it is no {self.type.replace(':', '.')}")
        if part.name != name:
            raise TypeError(f"it calls itself {part.name!r}, its entry point {name!r}")


def _object(place: str) -> Any:
    module, _, attribute = place.partition(":")
    return getattr(import_module(module), attribute)
