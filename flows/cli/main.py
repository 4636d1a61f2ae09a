"""The command `palmforge`: one verb for each thing a user wants done."""

import os
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import click

import flows.cli.dataset
import flows.cli.server
import flows.cli.share
from flows.cli.evaluate import evaluate
from flows.cli.generate import generate
from flows.cli.import_weights import import_weights
from flows.cli.options import friendly_errors, recipe_command
from flows.cli.status import status_verb
from flows.server.configured import bypass_proxies
from manifests.extras import missing
from manifests.files.layout import REPORTS
from manifests.words import PalmforgeError
from tasks.work.logs import set_up_logging
from tasks.workers.threads import ONE_THREAD

if TYPE_CHECKING:
    from manifests.recipe import Recipe

QUIET = {
    "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false",  # no server is ever started on the quiet
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "60",  # seconds; when they stop: flows/server/heartbeat.py
    "PREFECT_CLIENT_MAX_RETRIES": "5",  # a minute in all; then work goes on without the server
    "PREFECT_API_REQUEST_TIMEOUT": "20",  # seconds for each answer; Prefect's own 60 would be six minutes
    "PREFECT_LOGGING_INTERNAL_LEVEL": "CRITICAL",  # no traces of its threads when a server fails
    "PREFECT_LOGGING_EXTRA_LOGGERS": "palmforge",  # our log lines reach the flow run's log
    "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",  # and are no matter where there is none
    "DO_NOT_TRACK": "1",
    "NO_ALBUMENTATIONS_UPDATE": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",  # push shows its own
    **ONE_THREAD,
}


LEAVING = 60.0  # seconds that a Prefect server has for the last events of a command that is done


class _Verbs(click.Group):
    """Says of Ctrl-C what it leaves behind, and of a part that is not installed what brings it."""

    def __call__(self, *given: Any, **options: Any) -> Any:
        """The command line: the process ends with the verb, whatever Prefect's threads wait for."""
        try:
            return super().__call__(*given, **options)
        except SystemExit as end:
            if "prefect" in sys.modules:
                status = end.code if isinstance(end.code, int) else int(end.code is not None)
                Thread(target=_leave, args=(status,), daemon=True).start()
            raise

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Refuse what no table and no recipe can name."""
        for word in args:
            if any("\ud800" <= sign <= "\udfff" for sign in word):
                told = (
                    "is no UTF-8: rename it, or make a link to it with another name (PYTHONUTF8=1 if it is)"
                )
                raise click.UsageError(f"{os.fsencode(word).decode('utf-8', 'backslashreplace')}: {told}")
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the verb."""
        try:
            with friendly_errors():
                return super().invoke(ctx)
        except ModuleNotFoundError as error:
            if (lacking := missing(error)) is None:
                raise
            click.echo(f"error: {lacking}", err=True)
            sys.exit(1)
        except KeyboardInterrupt:
            lost = "nothing is lost: run the same command again" if ctx.invoked_subcommand in RESUMING else ""
            click.echo(f"\nstopped; {lost or 'nothing half-made is left'}", err=True)
            sys.exit(130)


def _leave(status: int) -> None:
    """End the process if it is still there: Prefect waits for a server that hangs without an end."""
    time.sleep(LEAVING)
    print("the Prefect server does not answer: left without telling it the last events", file=sys.stderr)
    sys.stdout.flush()
    os._exit(status)


RESUMING = ("build", "train", "align", "extend", "push")


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="palmforge")
def main() -> None:
    """Build identity-labelled datasets of synthetic palms.

    Start with `palmforge build datasets/quickstart.toml`. Any field of a recipe can be changed for one run:
    `--dataset.identities 400`, or the same as `--set dataset.identities=400`.
    """
    _keep_streams_apart()
    try:
        Path.cwd()
    except OSError:
        raise PalmforgeError("the current folder is no longer there: go to one that is (cd)") from None
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    bypass_proxies()
    _have_a_home()
    set_up_logging()


def _keep_streams_apart() -> None:
    """A file opened where standard output or error is closed would take what libraries print there."""
    for stream in range(3):
        try:
            os.fstat(stream)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free: this one


def _have_a_home() -> None:
    """Libraries ask for a home, and a container's user without a line in passwd has none."""
    try:
        Path.home()
    except RuntimeError:
        home = Path(tempfile.gettempdir()) / f"palmforge-{os.getuid()}"
        try:
            home.mkdir(mode=0o700, exist_ok=True)
            ours = not home.is_symlink() and home.stat().st_uid == os.getuid()
        except FileExistsError:
            ours = False
        if not ours:  # somebody else's, who could have filled it
            home = Path(tempfile.mkdtemp(prefix="palmforge-"))
        os.environ["HOME"] = str(home)


@main.add_command
@recipe_command(
    click.Option(["--republish"], is_flag=True, help="let LATEST go back to an older version that this makes")
)
def build(path: str, overrides: list[str], recipe: "Recipe", republish: bool) -> None:
    """Build the dataset of RECIPE and publish it; the same command resumes what was cut off.

    Exit code 3: the gates refused the dataset; the message says why, and LATEST stays as it was.
    """
    from flows.build_dataset import build_dataset
    from flows.cli.run import run
    from flows.cli.summary import summary
    from tasks.versions.ready import ready

    began = time.monotonic()
    ready(recipe)
    version = Path(run(build_dataset, path, overrides, republish=republish))
    click.echo(summary(version, time.monotonic() - began))
    private = Path(recipe.work) / REPORTS / recipe.name / version.name
    if private.is_dir():
        click.echo(f"private  {private / 'report.html'}  (shows photographs of people; not published)")


@main.add_command
@recipe_command()
def plan(path: str, overrides: list[str], recipe: "Recipe") -> None:
    """Print what RECIPE would build, with time, disk and memory; build nothing."""
    from tasks.draw.estimate import estimate
    from tasks.draw.prepare import check

    click.echo(estimate(check(recipe)))


@main.add_command
@recipe_command()
def train(path: str, overrides: list[str], recipe: "Recipe") -> None:
    """Train RECIPE's generator on its photographs and print where the checkpoint is."""
    from flows.cli.run import run
    from flows.train_generator import train_generator
    from tasks.versions.ready import ready

    ready(recipe)
    click.echo(f"checkpoint  {run(train_generator, path, overrides)}")


@main.command()
@click.argument("source")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="folder for the aligned palms")
@click.option("--size", default=256, show_default=True, help="side of the aligned pictures in pixels")
@click.option("--pictures", is_flag=True, help="also write each as a PNG file into OUT/pictures")
@click.option("--roi", default="", metavar="DIR", help="also write the regions of interest as PNG files")
@click.option("--workers", default=0, help="processes; 0 = one a core")
def align(source: str, out: Path, size: int, pictures: bool, roi: str, workers: int) -> None:
    """Align the palms of SOURCE: a folder, an archive, or a Kaggle dataset owner/name/versions/N.

    OUT gets aligned.parquet, align_rejects.parquet with a reason each, and contact_sheet.png.
    """
    from flows.align_palms import align_palms
    from flows.cli.run import run

    with friendly_errors():
        said = run(align_palms, source, out, size=size, workers=workers, roi=roi, pictures=pictures)
        click.echo(said)


@main.command("verify")
@click.argument("dataset")
@click.option(
    "--trust",
    type=click.Path(path_type=Path),
    help="PEM file of certificates: the version must be signed below one of them",
)
def verify_verb(dataset: str, trust: Path | None) -> None:
    """Reread and rehash DATASET and name everything that is wrong.

    A version, or a folder with LATEST, on this machine or at an address such as s3://bucket/palms. Who signed
    it is said; without --trust, that is what the signer says of themselves.
    """
    from manifests.tools.verify import verify

    with friendly_errors():
        findings = verify(dataset, trust)
    click.echo(str(findings))
    raise SystemExit(0 if findings.ok else 1)


@main.command()
@click.argument("recipe", default="")
@click.option("--mend", is_flag=True, help="install or fetch what is missing, where that is possible")
def doctor(recipe: str, mend: bool) -> None:
    """Name what this machine lacks, and how to mend it; of RECIPE too where it writes."""
    from flows.server.configured import examine_server
    from manifests.recipe import load, parse
    from tasks.doctor import examine, folder

    with friendly_errors():
        plan = load(recipe) if recipe else parse({"name": "doctor"})
        places = {"work": Path(plan.work), **({} if plan.remote_home else {"out": Path(plan.out)})}
        report = examine(mend, *(partial(folder, *place) for place in places.items()), examine_server)
    click.echo(str(report))
    raise SystemExit(0 if report.ok else 1)


main.add_command(generate)
main.add_command(evaluate)
main.add_command(status_verb)
for verb in (*flows.cli.dataset.VERBS, *flows.cli.server.VERBS, *flows.cli.share.VERBS):
    main.add_command(verb)
main.add_command(import_weights)

if __name__ == "__main__":
    main()
