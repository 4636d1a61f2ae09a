"""The verbs around a published dataset: show, select, export, regenerate, diff, extend, merge."""

from pathlib import Path

import click

from flows.options import friendly_errors

DATASET = click.argument("dataset", type=click.Path(path_type=Path))


@click.command()
@DATASET
@click.argument("query")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="folder of the view")
def select(dataset: Path, query: str, out: Path) -> None:
    """Choose images of DATASET with SQL and write them as a view, without copying images.

    QUERY is what follows WHERE ("hand = 'left' AND identity_skin_tone > 20"), or a whole SELECT that answers
    sample_id. Its tables are `manifest` and `identities`.
    """
    from manifests.read import open_dataset
    from manifests.select import select as write

    with friendly_errors():
        count = write(open_dataset(dataset), query, out)
    click.echo(f"view     {out}\nimages   {count}")


VERBS = (select,)
