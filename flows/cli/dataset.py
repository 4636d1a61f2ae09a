"""The verbs around a published dataset: show, select, export, regenerate, diff, extend, merge."""

import json
from pathlib import Path

import click

from flows.cli.options import HerePath, friendly_errors
from manifests.tools.exporters.registry import EXPORTERS

DATASET = click.argument("dataset", type=HerePath())
SIGN = click.option(
    "--sign",
    is_flag=True,
    help="sign it with $PALMFORGE_SIGN_KEY, the key of $PALMFORGE_SIGN_CERTIFICATE",
)


@click.command()
@DATASET
@click.option("--out", type=click.Path(path_type=Path), help="an HTML page with a contact sheet")
def show(dataset: Path, out: Path | None) -> None:
    """Say what is in DATASET (a version, a view, or a folder with LATEST)."""
    from rich.console import Console
    from rich.table import Table

    from manifests.files.layout import atomic_write
    from manifests.read.open import open_dataset
    from tasks.report.show import page, summary

    with friendly_errors():
        version = open_dataset(dataset)
        found = summary(version)
        if out:
            atomic_write(out, page(version).encode())
    console = Console()
    console.print(found.title, style="bold", highlight=False)
    for key, value in found.facts.items():
        console.print(f"{key.replace('_', ' '):<19} {value}", highlight=False, soft_wrap=True, markup=False)
    for name, rows in found.tables.items():
        table = Table(title=name, title_justify="left")
        for key, value in rows[0].items():
            table.add_column(key.replace("_", " "), justify="right" if type(value) is int else "left")
        for row in rows:
            table.add_row(*("" if value is None else str(value) for value in row.values()))
        console.print(table)
    if out:
        console.print(f"page {out}", soft_wrap=True)


@click.command("select")
@DATASET
@click.argument("query")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="folder of the view")
def select_verb(dataset: Path, query: str, out: Path) -> None:
    """Choose images of DATASET with SQL and write them as a view, without copying images.

    QUERY is what follows WHERE ("hand = 'left' AND identity_skin_tone > 20"), or a whole SELECT that answers
    sample_id. Its tables are `manifest` and `identities`.
    """
    from manifests.read.open import open_dataset
    from manifests.tools.select import select

    with friendly_errors():
        count = select(open_dataset(dataset), query, out)
    click.echo(f"view     {out}\nimages   {count}")


@click.command("regenerate")
@DATASET
@click.argument("samples", nargs=-1, metavar="[SAMPLE_ID]...")
@click.option("--random", "count", default=0, metavar="N", help="also N images chosen at random")
@click.option("--seed", default=0, metavar="N", show_default=True, help="chooses them")
@click.option("--checkpoint", type=click.Path(path_type=Path), help="folder of the weights, if not shipped")
@click.option("--out", type=click.Path(path_type=Path), help="folder to write the images into")
def regenerate_verb(
    dataset: Path, samples: tuple[str, ...], count: int, seed: int, checkpoint: Path | None, out: Path | None
) -> None:
    """Draw images of DATASET again from their manifest rows alone, and compare the bytes."""
    from flows.progress import progress
    from manifests.files.layout import atomic_write
    from manifests.read.open import open_dataset
    from tasks.draw.regenerate import regenerate, some
    from tasks.versions.software import changes

    if not samples and not count:
        raise click.UsageError("name samples, or ask for some with --random N")
    with friendly_errors(), progress("regenerate") as report:
        version = open_dataset(dataset)
        chosen = list(dict.fromkeys([*samples, *some(version, count, seed)]))
        odd = []
        report(0, len(chosen))
        images = regenerate(version, chosen, [checkpoint] if checkpoint else [])
        for done, image in enumerate(images, 1):
            if out:
                atomic_write(out / image.file_name, image.image)
            if not image.same:
                odd.append(image.sample_id)
            report(done, len(chosen))
    click.echo(f"{len(chosen) - len(odd)} of {len(chosen)} images are the published bytes")
    for line in [*(f"differs: {sample}" for sample in odd), *changes(version.metadata.get("software", {}))]:
        click.echo(line)
    raise SystemExit(1 if odd else 0)


@click.command()
@DATASET
@click.option("--identities", default=0, metavar="N", help="identities in all, more than there are")
@click.option("--captures", default=0, metavar="M", help="captures of each identity, more than there are")
@click.option("--out", type=click.Path(path_type=Path), help="where it is published; default: beside DATASET")
@click.option("--work", default=".palmforge", show_default=True, help="folder of intermediate results")
@SIGN
def extend(dataset: Path, identities: int, captures: int, out: Path | None, work: str, sign: bool) -> None:
    """Publish DATASET with more identities or captures, and nothing that is there changed."""
    from manifests.files.layout import RECIPE
    from manifests.read.open import open_dataset
    from tasks.versions.extend import extended

    with friendly_errors():
        version = open_dataset(dataset).path.resolve()
        overrides = extended(open_dataset(version), identities, captures)
        overrides += [f"out={out or version.parent.parent}", f"work={work}"]
        overrides += ["publish.sign=true"] if sign else []
        from flows.build_dataset import build_dataset
        from flows.cli.run import run

        made = run(build_dataset, str(version / RECIPE), overrides, keeps=str(version))
    click.echo(f"version  {made}")


@click.command("diff")
@click.argument("before", type=HerePath())
@click.argument("after", type=HerePath())
@click.option("--json", "as_json", is_flag=True, help="print everything as JSON")
def diff_verb(before: Path, after: Path, as_json: bool) -> None:
    """Say what leads from version BEFORE to version AFTER; exit code 0: the same, 1: not, 2: an error."""
    from manifests.read.open import open_dataset
    from manifests.tools.diff import diff

    with friendly_errors(code=2):
        found = diff(open_dataset(before), open_dataset(after))
    click.echo(json.dumps(found.to_dict(), indent=1) if as_json else str(found))
    raise SystemExit(0 if found.same else 1)


@click.command("export")
@DATASET
@click.option("--to", "kind", type=click.Choice(EXPORTERS.names()), required=True)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="new folder")
def export_verb(dataset: Path, kind: str, out: Path) -> None:
    """Write DATASET (a version or a view) for readers of other formats; bytes and labels as they are."""
    from flows.progress import progress
    from manifests.read.open import open_dataset
    from manifests.tools.export import export

    with friendly_errors(), progress("export") as report:
        count = export(open_dataset(dataset), kind, out, report)
    click.echo(f"export   {out}\nimages   {count}")


@click.command("merge")
@click.argument("datasets", nargs=-1, required=True, metavar="DATASET...", type=HerePath())
@click.option("--out", type=click.Path(path_type=Path), required=True, help="folder to publish in")
@click.option("--name", required=True, help="name of the merged dataset")
@click.option("--drop-duplicates", is_flag=True, help="leave out identities that an earlier DATASET has")
@click.option("--work", default=".palmforge", show_default=True, help="folder of intermediate results")
@SIGN
def merge_verb(
    datasets: tuple[Path, ...], out: Path, name: str, drop_duplicates: bool, work: str, sign: bool
) -> None:
    """Publish several DATASETs as one: labels offset, colliding names prefixed, splits kept."""
    from flows.progress import progress
    from manifests.publish.sign import signer
    from manifests.read.open import open_dataset
    from manifests.recipe import parse
    from manifests.tools.verify import verify
    from tasks.versions.merge import merge

    with friendly_errors(), progress("merge") as report:
        parse({"name": name})
        versions = [open_dataset(dataset) for dataset in datasets]
        who = signer() if sign else None
        if who:
            who.check()
        made = merge(versions, out, name, Path(work), report, drop_duplicates=drop_duplicates, signer=who)
    findings = verify(made)
    click.echo(f"version  {made}\n{findings}")
    raise SystemExit(0 if findings.ok else 1)


VERBS = (diff_verb, export_verb, extend, merge_verb, regenerate_verb, select_verb, show)
