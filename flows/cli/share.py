"""The verbs that show a dataset to others: push it to the Hugging Face hub, browse it."""

from pathlib import Path

import click

from flows.cli.options import HerePath, friendly_errors


@click.command()
@click.argument("dataset", type=HerePath())
@click.argument("address", metavar="hf://datasets/OWNER/NAME")
@click.option("--public", is_flag=True, help="for everybody; without it, a new data set is private")
@click.option("--unjudged", is_flag=True, help="also a version that no gate has judged")
def push(dataset: Path, address: str, public: bool, unjudged: bool) -> None:
    """Push DATASET to the Hugging Face hub: only what is new, all of it visible at once.

    The same command goes on where it was cut off. HF_TOKEN or `hf auth login` say who you are. Exit code 3:
    the version did not pass its gates.
    """
    from flows.progress import progress
    from manifests.read.open import open_dataset
    from manifests.tools.push import push_version, repository_of
    from tasks.versions.share import check_shareable

    with friendly_errors(), progress("push", "files") as report:
        repository_of(address)
        version = open_dataset(dataset)
        check_shareable(version, unjudged=unjudged)
        pushed = push_version(version.path, address, report, public=public)
    click.echo(f"hub      {pushed.url}\nversion  {version.path.name}")
    click.echo(f"sent     {pushed.files} files, {pushed.size / 1e6:.1f} MB; {pushed.there} were there")
    if pushed.newest != version.path.name:
        click.echo(f"LATEST   stays {pushed.newest}, which is newer")


@click.command()
@click.argument("dataset", type=HerePath())
@click.option("--with", "older", type=HerePath(), help="an older version to lay beside it")
@click.option(
    "--port", default=8765, show_default=True, help="of this machine's loopback; 0 = any that is free"
)
@click.option("--open", "opens", is_flag=True, help="also open it in the web browser")
def browse(dataset: Path, older: Path | None, port: int, opens: bool) -> None:
    """Look at DATASET on a page: identities, captures, rejects, neighbours; nothing leaves this machine.

    The page answers on this machine's loopback alone. Ctrl-C ends it.
    """
    from manifests.read.open import open_dataset
    from tasks.browse.serve import serve

    def say(address: str) -> None:
        click.echo(f"browse   {address}\nCtrl-C ends it")
        if opens:
            click.launch(address)

    with friendly_errors():
        serve(open_dataset(dataset), open_dataset(older) if older else None, port, say)


VERBS = (push, browse)
