"""Engine: all that the house must know of an engine in one object, so that nobody asks for its name."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from manifests.words import Hand, View
from palm_models.hand import capture as captures
from palm_models.hand import identity as identities
from palm_models.hand.capture import Capture
from palm_models.hand.identity import Identity

if TYPE_CHECKING:
    from manifests.recipe import Recipe
    from manifests.recipe.sections import Section
    from palm_models.engines.base import Drawer

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Training:
    """How an engine learns from aligned palms.

    determines: the options that decide what is learned; with others a training starts from nothing.
    continues: options that a training may be continued with (more steps) or that change no weight
    (how often it samples), by their dotted names in the recipe. code: modules whose import closure learns.
    run(recipe, aligned, out, progress): trains into the folder `out`, going on with what lies there; returns
    facts for the report.
    """

    determines: Mapping[str, Any]
    continues: tuple[str, ...]
    code: tuple[str, ...]
    run: Callable[[Recipe, Path, Path, Progress], Mapping[str, Any]]


class Engine(ABC):
    """One kind of engine, stateless; plug-ins subclass it (entry point palmforge.engines)."""

    name: ClassVar[str]  # in recipes, manifests, reports
    summary: ClassVar[str]  # one phrase for --help and docs
    section: ClassVar[str] = ""  # the recipe's section of its own options, "" when it has none
    options: ClassVar[type[Section] | None] = None  # and the section's type
    views: ClassVar[tuple[View, ...]] = ("palm", "hand")
    one_view: ClassVar[bool] = False  # draws only the view that it learned
    parametric: ClassVar[bool] = True  # obeys the traits of an identity and the circumstances of a capture
    shipped: ClassVar[Path | None] = None  # folder of weights that come with it
    columns: ClassVar[Mapping[str, str]] = MappingProxyType({})  # of a manifest, beside the controls
    code: ClassVar[tuple[str, ...]]  # modules whose import closure determines its pictures

    # What its pictures are drawn from: every control with its help, and objects at a counter.
    identity_controls: ClassVar[Mapping[str, str]] = identities.CONTROLS
    capture_controls: ClassVar[Mapping[str, str]] = captures.CONTROLS

    def identity(self, seed: int, subject: int, hand: Hand, controls: Mapping[str, Any]) -> Identity:
        """The identity at counter (seed, subject, hand). Raises ValueError for an impossible control."""
        return identities.make_identity(seed, subject, hand, controls)

    def capture(
        self, seed: int, subject: int, hand: Hand, capture: int, controls: Mapping[str, Any]
    ) -> Capture:
        """The capture at its counter. Raises ValueError for an impossible control."""
        return captures.make_capture(seed, subject, hand, capture, controls)

    def identity_from(self, recorded: Mapping[str, Any]) -> Identity:
        """The identity that a manifest row recorded."""
        return Identity.from_dict(recorded)

    def capture_from(self, recorded: Mapping[str, Any]) -> Capture:
        """The capture that a manifest row recorded."""
        return Capture.from_dict(recorded)

    def training(self, recipe: Recipe) -> Training | None:
        """How it learns under this recipe; None for an engine that has nothing to learn."""
        return None

    def drawn_with(self, recipe: Recipe) -> Mapping[str, Any]:
        """The options of the recipe that determine its pictures, JSON-able; recorded in every row."""
        return {}

    @abstractmethod
    def load(self, recipe: Recipe, checkpoint: Path | None) -> Drawer:
        """What draws, weights loaded. Raises CheckpointError for weights it cannot use."""
