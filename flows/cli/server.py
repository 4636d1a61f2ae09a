"""The verbs around a Prefect server: deploy, run."""

import os
import subprocess
import sys

import click

from flows.cli.options import friendly_errors


@click.command("deploy")
def deploy_verb() -> None:
    """Start a local Prefect server and worker where none run, and register every deployment.

    PREFECT_API_URL names another server than the one at 127.0.0.1:4200.
    """
    from flows.server.deploy import API, deploy

    with friendly_errors():
        click.echo(deploy(os.environ.get("PREFECT_API_URL") or API))


@click.command()
@click.argument("flow")
@click.argument("deployment", default="")
def run(flow: str, deployment: str) -> None:
    """Let the worker run FLOW, as its DEPLOYMENT, and watch it: palmforge run build-dataset nightly.

    Without DEPLOYMENT it is `nightly`, or the only one that FLOW has.
    """
    from flows.server.deploy import address, full_name

    with friendly_errors():
        api = address()
        name = full_name(api, flow, deployment)
    command = [sys.executable, "-m", "prefect", "deployment", "run", name, "--watch"]
    sys.exit(subprocess.run(command, env={**os.environ, "PREFECT_API_URL": api}, check=False).returncode)


VERBS = (deploy_verb, run)
