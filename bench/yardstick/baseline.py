"""The renderer of 0.1.0: a version of the engine `renderer` with its own settings, built on demand, kept."""

import logging
import os
import subprocess
import sys
from pathlib import Path

RECIPE = """\
name = "renderer"
seed = 28

[engine]
name = "renderer"
workers = {workers}

[dataset]
identities = {identities}
captures = {captures}
views = ["palm"]
size = 128

[gates]
use = []  # gates are calibrated anew from release to release; what this engine draws is not
"""
BUILD = "from flows.cli.main import main; main()"
log = logging.getLogger("palmforge")


def renderer_of_first_release(work: Path, identities: int, captures: int, workers: int) -> Path:
    """The folder of the published version; built by `palmforge build` where it is not there yet."""
    folder = (work / f"renderer_{identities}x{captures}").absolute()
    kept = folder / "version.txt"  # written last, so its existence means that the build ended well
    if not kept.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        recipe = folder / "recipe.toml"
        recipe.write_text(RECIPE.format(identities=identities, captures=captures, workers=workers))
        log.warning("building the renderer of 0.1.0 once: %d palms", identities * captures)
        options = ["--out", str(folder / "out"), "--work", str(folder / "work")]
        command = [sys.executable, "-c", BUILD, "build", str(recipe), *options]
        environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}
        ended = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True)
        if ended.returncode:
            raise SystemExit(f"{' '.join(command[3:])} ended with {ended.returncode}: see above")
        lines = dict(line.split(None, 1) for line in ended.stdout.splitlines() if line.startswith("version "))
        kept.write_text(lines["version"].strip())
    return Path(kept.read_text())
