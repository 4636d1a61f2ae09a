"""The verb `palmforge evaluate`: how well a recogniser works that was trained on a dataset alone."""

import json
from pathlib import Path

import click

from flows.cli.options import friendly_errors


@click.command()
@click.argument("dataset")
@click.option(
    "--real",
    multiple=True,
    metavar="SET",
    help="test on known people: NAME:DIR (docs/evaluating.md), id/picture, or a CSV path,id; repeatable",
)
@click.option(
    "--roi/--no-roi", default=None, help="the pictures are regions of interest; default: by their size"
)
@click.option(
    "--turn",
    type=click.Choice(["0", "90", "180", "270"]),
    help="degrees clockwise that bring regions' fingers up",
)
@click.option(
    "--against",
    multiple=True,
    metavar="SET",
    help="train on this too: a dataset, photographs, or renderer (default)",
)
@click.option(
    "--recogniser",
    multiple=True,
    metavar="NAME[,KEY=VALUE…]",
    help="competitive and palmnet (default), compnet, mobilefacenet, resnet18, module:factory; repeatable",
)
@click.option(
    "--protocol",
    multiple=True,
    metavar="NAME",
    help="pairs compared: all, cross-session, same-device, cross-device; default: as is usual for the set",
)
@click.option(
    "--half",
    is_flag=True,
    help="also train on half the people of each --real: alone, with DATASET, after it; test on the others",
)
@click.option("--curve", default="", metavar="N,N,…", help="also train on so many identities")
@click.option("--curve-captures", default="", metavar="N,N,…", help="also train on so many captures of each")
@click.option("--identities", default=0, help="train on at most so many; 0 = all of the train split")
@click.option(
    "--steps", default=0, help="training steps at most; 0 = as the recogniser says (it stops earlier)"
)
@click.option("--seeds", default=3, show_default=True, help="recognisers trained on each set")
@click.option(
    "--seed", default=0, show_default=True, help="of the first recogniser; the same seed, the same figures"
)
@click.option("--size", default=0, help="side of the palms in pixels, 64 to 224; 0 = as the recogniser says")
@click.option(
    "--augment",
    type=click.Choice(["with", "without", "both"]),
    default="with",
    show_default=True,
    help="rows that learn from augmented pictures, from pictures as they are, or both",
)
@click.option("--id-pattern", default="", metavar="REGEX", help="finds who a picture of a flat folder shows")
@click.option(
    "--out", default="", metavar="FOLDER", help="for figures and charts; default evaluations/<name>"
)
@click.option("--workers", default=0, help="processes; 0 = one a core")
def evaluate(
    dataset: str, real: tuple[str, ...], roi: bool | None, turn: str | None, against: tuple[str, ...],
    recogniser: tuple[str, ...], protocol: tuple[str, ...], half: bool, curve: str, curve_captures: str,
    identities: int, steps: int, seeds: int, seed: int, size: int, augment: str, id_pattern: str, out: str,
    workers: int,
) -> None:  # fmt: skip
    """Train recognisers on DATASET's train split alone and test them on palms they never saw."""
    counts, captures = _numbers(curve), _numbers(curve_captures)
    with friendly_errors():
        from flows.cli.run import run
        from manifests.read.open import open_dataset

        open_dataset(dataset)  # said at once when it is none: the recognisers take seconds to load
        from flows.evaluate_dataset import evaluate_dataset
        from tasks.evaluate.results import JSON, PAGE, table
        from tasks.evaluate.sets.folder import PATTERN

        folder = Path(
            run(
                evaluate_dataset, dataset, real=list(real), roi=roi, turn=None if turn is None else int(turn),
                against=list(against) or None, recognisers=list(recogniser) or None, protocols=list(protocol),
                half=half, curve=counts, curve_captures=captures, augment=augment,
                identities=identities, steps=steps, seeds=seeds, seed=seed, size=size,
                id_pattern=id_pattern or PATTERN, out=out, workers=workers,
            )
        )  # fmt: skip
    click.echo(table(json.loads((folder / JSON).read_text())))
    click.echo(f"\n{folder / PAGE}")


def _numbers(text: str) -> list[int]:
    try:
        return [int(n) for n in text.split(",") if n.strip()]
    except ValueError:
        raise click.BadParameter("numbers with commas between them, for example 50,100,200") from None
