"""What the card of a version, or of one individual, says that its shards do not know."""

from manifests.publish.card import NOT_STATED, CardFacts
from manifests.recipe import Recipe
from tasks.engines.registry import engine_of
from tasks.photographs.sources.registry import source_kind
from tasks.work.stage import Done


def card_facts(recipe: Recipe, checkpoint: Done | None) -> CardFacts:
    """What the card says that the shards do not know."""
    learned = (checkpoint.facts if checkpoint else {}) or {}
    source = recipe.source if recipe.train.checkpoint == "train" else None
    if source:
        unknown = NOT_STATED if source_kind(recipe).people else ""
        title, licence, credit = (
            source_kind(recipe).spec(recipe).title,
            source.licence or unknown,
            source.credit,
        )
    else:  # weights that came with no word of their photographs are not of none
        unknown = NOT_STATED if checkpoint else ""
        title, licence = (str(learned.get(f"source_{key}") or unknown) for key in ("dataset", "license"))
        credit = str(learned.get("source_credit", ""))
    return CardFacts(
        engine=recipe.engine.name,
        checkpoint=checkpoint.digest if checkpoint else "",
        source_dataset=title,
        source_license=licence,
        source_credit=credit,
        photographs=recipe.report.photographs and source_kind(recipe).people,
        parameters=engine_of(recipe).parameters(),
    )
