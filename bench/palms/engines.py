"""Engines as benches ask them: by name, with their own identities and captures."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from manifests.recipe import parse
from manifests.words import Hand, View
from palm_models.engines.base import Drawer, Drawing
from palm_models.hand.identity import Identity
from tasks.engines.engine import Engine
from tasks.engines.registry import ENGINES

# What atlases have and others have not: a camera that sees colours and changes no tones.
COLOUR: Mapping[str, Any] = {
    "device": "phone_indoors", "grey": False, "equalise": 0.0, "veil": 0.0, "lines": 0.0,
}  # fmt: skip


class Bench:
    """One engine with its shipped weights."""

    def __init__(self, name: str, seed: int) -> None:
        self.name, self.seed = name, seed
        self.engine: Engine = ENGINES.get(name)

    @cached_property
    def drawer(self) -> Drawer:
        """What draws, loaded once."""
        return self.engine.load(parse({"name": "bench", "engine": {"name": self.name}}), None)

    def identity(self, subject: int, hand: Hand, traits: Mapping[str, Any]) -> Identity:
        """At its counter."""
        return self.engine.identity(self.seed, subject, hand, traits)

    def draw(self, identity: Identity, view: View, controls: Mapping[str, Any], size: int = 128) -> Drawing:
        """One picture, by a camera that sees colours and changes no tones of its own."""
        more = {name: value for name, value in COLOUR.items() if name in self.engine.capture_controls}
        shot = self.engine.capture(self.seed, identity.subject, identity.hand, 0, {**more, **controls})
        return self.drawer.draw(identity, [shot], view, size)[0]
