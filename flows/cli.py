"""The command `palmforge`: every verb, its options made from the recipe's own fields."""

import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from manifests.recipe import Recipe, leaves, load
from manifests.recipe_errors import RecipeError

QUIET = {
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",  # a loaded machine misses the default 20 s
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_LOGGING_EXTRA_LOGGERS": "palmforge",  # our log lines reach the flow run's log
    "DO_NOT_TRACK": "1",
    "NO_ALBUMENTATIONS_UPDATE": "1",
    "OMP_NUM_THREADS": "1",  # threads of several processes spin against each other
}


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="palmforge")
def main() -> None:
    """Build identity-labelled datasets of synthetic palms.

    Start with `palmforge build datasets/quickstart.toml`. What a recipe says can be changed for one run:
    `--set dataset.identities=400` or, the same, `--dataset.identities 400`.
    """
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")


def recipe_command(function: Callable[..., None]) -> click.Command:
    """A command whose first argument is a recipe and whose options are the recipe's fields."""

    def run(recipe: str, assignments: tuple[str, ...], **options: Any) -> None:
        given = {k: v for k, v in options.items() if v is not None and k in _fields()}
        own = {k: v for k, v in options.items() if k not in _fields()}
        overrides = [*assignments, *(f"{_fields()[key]}={value}" for key, value in given.items())]
        with friendly_errors():
            function(recipe, overrides, load(recipe, overrides), **own)

    params: list[click.Parameter] = [
        click.Argument(["recipe"], type=click.Path()),
        click.Option(["--set", "assignments"], multiple=True, metavar="KEY=VALUE", help="Change one field."),
        *getattr(function, "__click_params__", []),
    ]
    for leaf in leaves():
        name = leaf.name.replace(".", "__")
        params.append(click.Option([f"--{leaf.name}", name], metavar="VALUE", help=leaf.description))
    assert function.__doc__
    return click.Command(function.__name__, callback=run, params=params, help=function.__doc__)


def _fields() -> dict[str, str]:
    return {leaf.name.replace(".", "__"): leaf.name for leaf in leaves()}


class friendly_errors:
    """Turns the errors we raise on purpose into one line and exit code 1; anything else keeps its traceback."""

    def __enter__(self) -> None: ...

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        from tasks.errors import EXPECTED

        if isinstance(error, (RecipeError, *EXPECTED)):
            click.echo(f"error: {error}", err=True)
            sys.exit(1)
