"""Tells Prefect what a version was made of: photographs, palms, weights as assets, and a graph of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefect.artifacts import create_markdown_artifact
from prefect.assets import Asset, AssetProperties, materialize
from prefect.cache_policies import NO_CACHE

from manifests.recipe import Recipe
from tasks.photographs.sources.registry import source_kind
from tasks.work.logs import log
from tasks.work.stage import Done

SCHEME = "palmforge"
BY = "palmforge"
MADE = {  # stage: folder of its assets' keys, what it makes, the stage that this is made of
    "ingest": ("photographs", "photographs", ""),
    "align": ("palms", "aligned palms", "ingest"),
    "train": ("checkpoints", "weights of the engine", "align"),
}


@dataclass(frozen=True)
class Thing:
    """Something that was made, and what of."""

    key: str  # palmforge://palms/DIGEST: the same work is the same asset, whatever the run
    name: str
    facts: Mapping[str, Any]
    of: tuple[str, ...] = ()  # keys
    url: str = ""

    def asset(self) -> Asset:
        """As Prefect knows it."""
        return Asset(key=self.key, properties=AssetProperties(name=self.name, url=self.url or None))


def made_of(recipe: Recipe, version: Path, stages: Mapping[str, Done | None]) -> list[Thing]:
    """The version with all that it was made of, each after what it is made of."""
    found: dict[str, Thing] = {}
    for stage, (folder, what, before) in MADE.items():
        if done := stages.get(stage):
            of = (found[before].key,) if before in found else ()
            title = source_kind(recipe).spec(recipe).title if stage == "ingest" else recipe.engine.name
            name = f"{what}: {title}" if stage != "align" else f"{what} of {recipe.name}"
            facts = {"folder": str(done.path), **_plain(done.facts)}
            found[stage] = Thing(_key(folder, done.digest[:16]), name, facts, of)
    parts = [found[stage].key for stage in ("train", "align") if stage in found][:1]
    drawn = stages.get("generate")
    facts = {"folder": str(version), "engine": recipe.engine.name, **_plain(drawn.facts if drawn else {})}
    whole = Thing(
        _key("versions", recipe.name, version.name),
        f"{recipe.name} {version.name}",
        facts,
        tuple(parts),
        (version / "report.html").absolute().as_uri(),
    )
    return [*found.values(), whole]


def show_lineage(recipe: Recipe, version: Path, stages: Mapping[str, Done | None]) -> None:
    """Materialize what was made as assets, a task run each, and show it as the artifact `lineage`."""
    try:
        things = made_of(recipe, version, stages)
        assets = {thing.key: thing.asset() for thing in things}
        for thing in things:
            _materialize(thing, assets)
        create_markdown_artifact(
            key="lineage", markdown=shown(things), description=f"What {version.name} was made of, newest last"
        )
    except Exception as error:  # the version is published: a server that is away takes nothing from it
        log.warning("what %s was made of is not shown: %s", version, type(error).__name__)


def _materialize(thing: Thing, assets: Mapping[str, Asset]) -> None:
    asset = assets[thing.key]

    def record() -> None:
        asset.add_metadata(dict(thing.facts))

    name = f"made {thing.key.removeprefix(f'{SCHEME}://')}"
    materialize(
        asset, by=BY, asset_deps=[assets[key] for key in thing.of], cache_policy=NO_CACHE, task_run_name=name,
        name="lineage",
    )(record)()  # fmt: skip


def shown(things: Sequence[Thing]) -> str:
    """The things as Markdown: a Mermaid graph, which Prefect's page draws, and a list of their facts."""
    places = {thing.key: number for number, thing in enumerate(things)}
    graph = [f'  n{places[thing.key]}["{_label(thing.name)}"]' for thing in things]
    graph += [f"  n{places[key]} --> n{places[thing.key]}" for thing in things for key in thing.of]
    told = []
    for thing in things:
        facts = ", ".join(f"{key} {value}" for key, value in thing.facts.items() if key != "folder")
        told.append(f"- **{_text(thing.name)}**: {_text(facts)}")
        told += [f"    - {_text(place)}" for place in (thing.key, thing.facts["folder"])]
    return "\n".join(["```mermaid", "flowchart LR", *graph, "```", "", *told, ""])


def _label(text: str) -> str:
    """Text in a quoted label of Mermaid, where a number stands for each sign that could mean something."""
    return "".join(sign if sign.isalnum() or sign in " .-:_/" else f"#{ord(sign)};" for sign in text)


def _text(text: object) -> str:
    """Text in a line of Markdown, as it is."""
    spelled = " ".join(str(text).split())
    return "".join(f"&#{ord(sign)};" if sign in "`<>[]*_&\\" else sign for sign in spelled)


def _key(*parts: str) -> str:
    return f"{SCHEME}://{'/'.join(parts)}"


def _plain(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The facts that are single values; nested ones are the report's."""
    return {key: value for key, value in facts.items() if isinstance(value, str | int | float | bool)}
