"""The verb `status`: what is done, running, cut off or rejected, told from the files alone."""

import json
from pathlib import Path

import click

from flows.cli.options import friendly_errors


@click.command("status")
@click.argument("what", default=".palmforge", metavar="[RECIPE|WORK]")
@click.option("--json", "as_json", is_flag=True, help="for machines")
def status_verb(what: str, as_json: bool) -> None:
    """Tell what is done, running, stale (cut off) or rejected, of a RECIPE or in a WORK folder."""
    from manifests.recipe import load
    from manifests.recipe.errors import RecipeError
    from tasks.versions.status import status

    with friendly_errors():
        recipe = load(what) if what.endswith(".toml") else None
        work = Path(recipe.work if recipe else what)
        if recipe is None and not work.is_dir():
            raise RecipeError(
                f"{what}: neither a recipe (*.toml) nor a work folder; try datasets/nightly.toml"
            )
        found = status(work, recipe)
    click.echo(json.dumps(found.to_dict(), indent=1) if as_json else str(found))
