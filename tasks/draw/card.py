"""What the card of a version, or of one individual, says that its shards do not know."""

from manifests.publish.card import CardFacts
from manifests.recipe import Recipe
from tasks.engines.registry import engine_of
from tasks.photographs.sources.registry import source_kind
from tasks.stages import Done, source_of


def card_facts(recipe: Recipe, checkpoint: Done | None) -> CardFacts:
    """What the card says that the shards do not know."""
    learned = (checkpoint.facts if checkpoint else {}) or {}
    source = recipe.source if recipe.train.checkpoint == "train" else None
    return CardFacts(
        engine=recipe.engine.name,
        checkpoint=checkpoint.digest if checkpoint else "",
        source_dataset=source_of(recipe).title if source else str(learned.get("source_dataset", "")),
        source_license=source.licence if source else str(learned.get("source_license", "")),
        source_credit=source.credit if source else str(learned.get("source_credit", "")),
        photographs=recipe.report.photographs and source_kind(recipe).people,
        parameters=engine_of(recipe).parameters(),
    )
