"""Makes a command's options from the recipe's own fields, so that the two cannot drift apart."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from manifests.files.advice import in_words

if TYPE_CHECKING:  # a third of a second, which `palmforge --help` does without
    from manifests.recipe import Leaf

Verb = Callable[..., None]


class HerePath(click.Path):
    """A path of this machine; an address is refused instead of being taken for a folder of that name."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path. Raises UsageError for an address."""
        if "://" in str(value):
            self.fail(
                f"{value} is an address, and this verb works on a folder of this machine: copy it here. "
                "`palmforge verify` and PalmDataset read it where it is",
                param, ctx,
            )  # fmt: skip
        return super().convert(value, param, ctx)


def recipe_command(*extra: click.Parameter) -> Callable[[Verb], click.Command]:
    """Lift `verb(recipe_path, overrides, recipe, **extra)` into a command with an option for every field."""

    def lift(verb: Verb) -> click.Command:
        def run(recipe: str, assignments: tuple[str, ...], **values: Any) -> None:
            from manifests.recipe import load
            from manifests.recipe.find import recipe_file

            fields = _fields()
            given = [
                f"{fields[key].name}={value}"
                for key, value in values.items()
                if key in fields and value is not None
            ]
            own = {key: value for key, value in values.items() if key not in fields}
            overrides = [*assignments, *given]
            with friendly_errors():
                if Path(recipe).expanduser().is_dir():
                    click.echo(_proposed(Path(recipe).expanduser()), err=True)
                    sys.exit(2)
                path = str(recipe_file(recipe))
                verb(path, overrides, load(path, overrides), **own)

        params: list[click.Parameter] = [
            click.Argument(["recipe"], type=click.Path()),
            *extra,
            click.Option(
                ["--set", "assignments"], multiple=True, metavar="KEY=VALUE", help="change one field"
            ),
        ]
        return _RecipeCommand(verb.__name__.replace("_", "-"), callback=run, params=params, help=verb.__doc__)

    return lift


def _proposed(folder: Path) -> str:
    from tasks.photographs.proposal import propose

    file = propose(folder, Path())
    return (
        f"{folder} is a folder: {file} is a recipe for the photographs in it. Look it over, then:\n"
        f"  palmforge plan {file}\n  palmforge build {file}"
    )


@cache
def _fields() -> "dict[str, Leaf]":
    """The options of a recipe, plug-ins' too, by the name that they have as parameters."""
    from manifests.recipe import leaves, recipe_type

    return {leaf.name.replace(".", "__"): leaf for leaf in leaves(recipe_type())}


class _RecipeCommand(click.Command):
    """A command with an option for every field; they are made when the command runs: plug-ins are slow."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        *own, ask = super().get_params(ctx)
        return [*own, *_options(), ask]  # --help stays last


@cache
def _options() -> list[click.Parameter]:
    return [
        click.Option([f"--{leaf.name}", key], metavar=_metavar(leaf.type), help=leaf.description)
        for key, leaf in _fields().items()
    ]


def _metavar(annotation: Any) -> str:
    return {int: "N", float: "X", str: "TEXT"}.get(annotation, "VALUE")


@contextmanager
def friendly_errors(code: int = 1) -> Iterator[None]:
    """What a person can mend becomes its text and `code`, or its own; faults of ours keep a trace."""
    try:
        yield
    except Exception as error:
        if (told := in_words(error)) is None:
            raise
        click.echo(f"error: {told}", err=True)
        sys.exit(getattr(error, "exit_code", code))
