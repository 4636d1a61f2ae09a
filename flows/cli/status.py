"""The verb `status`: what is done, running, cut off or rejected, told from the files alone."""

import json
from pathlib import Path

import click

from flows.cli.options import friendly_errors

WORK = ".palmforge"  # of a recipe that says nothing else


@click.command("status")
@click.argument("what", default=WORK, metavar="[RECIPE|WORK]")
@click.option("--json", "as_json", is_flag=True, help="for machines")
def status_verb(what: str, as_json: bool) -> None:
    """Tell what is done, running, stale (cut off) or rejected, of a RECIPE or in a WORK folder."""
    from manifests.recipe import load
    from manifests.recipe.errors import RecipeError
    from tasks.versions.status import status

    with friendly_errors():
        folder = what == WORK or Path(what).is_dir()
        try:
            recipe = None if folder else load(what)
        except RecipeError:
            if Path(what).exists():
                raise
            raise RecipeError(f"{what}: neither a recipe nor a work folder; try nightly") from None
        work = Path(recipe.work if recipe else what)
        found = status(work, recipe)
    click.echo(json.dumps(found.to_dict(), indent=1) if as_json else str(found))
