"""Engine: all that the house must know of an engine in one object, so that nobody asks for its name."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

import palm_models.hand.capture
import palm_models.hand.identity
from manifests.effects import drawn
from manifests.registry import Part
from manifests.words import VIEWS, Hand, View
from palm_models.hand.capture import Capture
from palm_models.hand.identity import Identity

if TYPE_CHECKING:
    from manifests.recipe import Recipe
    from palm_models.engines.base import Drawer

Progress = Callable[[int, int], None]
FIRST_REFERENCE = 1_000_000  # capture numbers of references begin here, far above those of any dataset
REFERENCE_SIDE = 128  # px
# Seen straight on, in visible light: then what sets two references of an identity apart is small.
STRAIGHT = {
    "rotation": 0.0, "scale": 1.0, "shift_x": 0.0, "shift_y": 0.0, "tilt_x": 0.0, "tilt_y": 0.0,
    "infrared": False,
}  # fmt: skip


@dataclass(frozen=True)
class Training:
    """How an engine learns from aligned palms.

    determines: the options, and the seed, that decide what is learned; with others a training starts from
    nothing. continues: options that a training may be continued with (more steps) or that change no weight
    (how often it samples), by their dotted names in the recipe. code: modules whose import closure learns.
    run(aligned, out, progress): trains on the table `aligned` into the folder `out`, going on with what lies
    there; returns facts for the report.
    """

    determines: Mapping[str, Any]
    continues: tuple[str, ...]
    code: tuple[str, ...]
    run: Callable[[Path, Path, Progress], Mapping[str, Any]]


@dataclass(frozen=True)
class Cost:
    """What an engine takes, as recorded on one core (bench/README.md); told without loading a network.

    image: seconds a picture; training: seconds in all, 0 where nothing is trained; memory: bytes a worker.
    """

    image: float
    memory: float
    training: float = 0.0


class Engine(Part, ABC):
    """One kind of engine, stateless; plug-ins subclass it (entry point palmforge.engines)."""

    views: ClassVar[tuple[View, ...]] = VIEWS
    one_view: ClassVar[bool] = False  # draws only the view that it learned
    parametric: ClassVar[bool] = True  # obeys the traits of an identity and the circumstances of a capture
    referenced: ClassVar[bool] = True  # if parametric: pictures of an identity can be had without its weights
    learned: ClassVar[bool] = False  # draws with weights
    trains_with: ClassVar[tuple[str, ...]] = ()  # modules that training needs beside `requires`
    shipped: ClassVar[Path | None] = None  # folder of weights that come with it
    columns: ClassVar[Mapping[str, str]] = MappingProxyType({})  # of a manifest, beside the controls
    code: ClassVar[tuple[str, ...]] = ()  # modules whose import closure draws; () = the one that defines it

    # What its pictures are drawn from: every control with its help, and objects at a counter.
    identity_controls: ClassVar[Mapping[str, str]] = palm_models.hand.identity.CONTROLS
    capture_controls: ClassVar[Mapping[str, str]] = palm_models.hand.capture.CONTROLS

    def identity(self, seed: int, subject: int, hand: Hand, controls: Mapping[str, Any]) -> Identity:
        """The identity at counter (seed, subject, hand). Raises ValueError for an impossible control."""
        return palm_models.hand.identity.make_identity(seed, subject, hand, controls)

    def capture(
        self, seed: int, subject: int, hand: Hand, capture: int, controls: Mapping[str, Any]
    ) -> Capture:
        """The capture at its counter. Raises ValueError for an impossible control."""
        return palm_models.hand.capture.make_capture(seed, subject, hand, capture, controls)

    def identity_from(self, recorded: Mapping[str, Any]) -> Identity:
        """The identity whose `to_dict` was recorded. Raises KeyError or TypeError for another's."""
        return Identity.from_dict(recorded)

    def capture_from(
        self, seed: int, subject: int, hand: Hand, capture: int, recorded: Mapping[str, Any]
    ) -> Capture:
        """The capture whose `scalars` a manifest recorded, its noise from its counter."""
        counter = self.capture(seed, subject, hand, capture, {})
        return replace(counter, **{name: recorded[name] for name in self.capture_controls})

    def references(self, identity: Identity, count: int, first: int = FIRST_REFERENCE) -> NDArray[np.uint8]:
        """Pictures (count, 128, 128, 3) of a parametric engine's identity, straight on, of no dataset."""
        from palm_models.engines.renderer import RendererEngine

        at = (identity.seed, identity.subject, identity.hand)
        shots = [self.capture(*at, number, STRAIGHT) for number in range(first, first + count)]
        return np.stack([d.image for d in RendererEngine().draw(identity, shots, "palm", REFERENCE_SIDE)])

    def check(self, recipe: Recipe) -> None:
        """Raise ValueError, in words of the recipe, when it asks for what this engine cannot do."""
        from tasks.photographs.sources.registry import SOURCES

        trains, wanted = recipe.train.checkpoint == "train", recipe.dataset.views
        if self.learned and trains and not SOURCES.get(recipe.source.kind).gives:
            kinds = ", ".join(name for name in SOURCES.names() if name != recipe.source.kind)
            raise ValueError(
                f'engine {self.name} with train.checkpoint = "train" needs photographs: set source.kind '
                f'({kinds}), or train.checkpoint = "shipped"'
            )
        if self.learned and self.shipped is None and recipe.train.checkpoint == "shipped":
            raise ValueError(
                f'engine {self.name} has no shipped weights: set train.checkpoint = "train", or the folder '
                "of a checkpoint (`palmforge train` and `palmforge import-weights` make one)"
            )
        if self.one_view and len(wanted) != 1:
            raise ValueError(
                f"engine {self.name} draws the one view that it learned: set dataset.views to one"
            )
        if odd := [view for view in wanted if view not in self.views]:
            raise ValueError(f"engine {self.name} draws {', '.join(self.views)}, not dataset.views {odd[0]}")
        if not self.parametric and (recipe.identity or recipe.capture):
            fields = ", ".join([*recipe.identity, *recipe.capture])
            raise ValueError(f"engine {self.name} knows no traits and no circumstances: leave out {fields}")

    def training(self, recipe: Recipe) -> Training | None:
        """How it learns under this recipe; None for an engine that has nothing to learn."""
        return None

    def weights(self, recipe: Recipe) -> Path | None:
        """The folder of the weights that the recipe names; None where it trains them or there are none."""
        given = recipe.train.checkpoint
        if not self.learned or given == "train":
            return None
        return self.shipped if given == "shipped" else Path(given)

    def cost(self, recipe: Recipe, photographs: int) -> Cost | None:
        """What drawing, and training on so many photographs, takes; None where nobody recorded it."""
        return None

    def reads(self, recipe: Recipe) -> tuple[Path, ...]:
        """Files, beside its weights, that determine its pictures."""
        return ()

    def own(self, recipe: Recipe) -> Any:
        """The recipe's section of this engine's options; None when it has none."""
        return getattr(recipe, self.own_section) if self.own_section else None

    def settings(self, recipe: Recipe) -> dict[str, Any]:
        """What of the section [engine] determines pictures."""
        return {key: value for key, value in drawn(recipe.engine).items() if key != "name"}

    def drawn_with(self, recipe: Recipe) -> dict[str, Any]:
        """The options of the recipe that determine its pictures, JSON-able; recorded in every row."""
        own = self.own(recipe)
        more: dict[str, Any] = {"baseline": []} if own is None else {"options": drawn(own)}
        return {"engine": self.settings(recipe), **more}

    def recipe_of(self, recorded: Mapping[str, Any]) -> dict[str, Any]:
        """Sections of a recipe from what `drawn_with` recorded."""
        own = recorded.get("options") or next(iter(recorded.get("baseline", ())), None)
        sections = {"engine": {**recorded["engine"], "name": self.name}}
        return {**sections, self.own_section: own} if own else sections

    def parameters(self) -> dict[str, str]:
        """Columns of a manifest with what this engine's pictures were drawn from, and what each means."""
        helps = {f"identity_{name}": text for name, text in self.identity_controls.items()}
        helps |= {f"capture_{name}": text for name, text in self.capture_controls.items()}
        return {**(helps if self.parametric else {}), **self.columns}

    def modules(self) -> tuple[str, ...]:
        """Modules whose import closure determines its pictures."""
        return self.code or (type(self).__module__,)

    def defined_in(self) -> tuple[str, ...]:
        """The modules of its class and of those it is derived from: what loads it, without what trains it."""
        modules = [kind.__module__ for kind in type(self).__mro__]
        return tuple(dict.fromkeys(name for name in modules if name not in ("abc", "builtins")))

    @abstractmethod
    def load(self, recipe: Recipe, checkpoint: Path | None) -> Drawer:
        """What draws, weights loaded. Raises CheckpointError for weights it cannot use."""
