"""Installs the wheel into fresh environments, part by part: sizes, a build without torch, training with it.

python -m bench.running.install --parts "" torch photographs --work /tmp/install   (needs the package index)
"""

import argparse
import os
import resource
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
UV = Path(sys.executable).with_name("uv")
BUILD = [
    "build", "quickstart", "--engine.name", "renderer", "--dataset.identities", "12",
    "--dataset.captures", "4", "--dataset.views", "palm",
]  # fmt: skip
LOOP = """
import torch
from manifests.read import PalmDataset
data = PalmDataset("out/quickstart", split="train", view="palm", relabel=True)
net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.LazyLinear(len(data.identities)))
for step, (images, labels) in enumerate(data.loader(batch_size=8, per_identity=2)):
    loss = torch.nn.functional.cross_entropy(net(images.float() / 255), labels)
    loss.backward()
print(step + 1, "batches, loss", round(loss.item(), 2))
"""


def call(*command: object, cwd: Path) -> tuple[str, float]:
    """What a command said, and its CPU seconds with its children's. Raises CalledProcessError."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("VIRTUAL_ENV", "PYTHONPATH"))}
    done = subprocess.run(
        list(map(str, command)), cwd=cwd, check=True, capture_output=True, text=True, env=environment
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return done.stdout, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def size(folder: Path) -> int:
    """Megabytes that lie below a folder."""
    return round(sum(f.lstat().st_size for f in folder.rglob("*") if not f.is_dir()) / 1e6)


def main() -> None:
    """Build the wheel, install it with each part, try what the part is for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", nargs="*", default=["", "torch"], help='extras; "" is the bare package')
    parser.add_argument("--work", type=Path, required=True, help="a folder for the environments")
    parser.add_argument("--tools", action="store_true", help="also through `uvx` and `pipx run`")
    chosen = parser.parse_args()
    work: Path = chosen.work.absolute()
    work.mkdir(parents=True, exist_ok=True)
    call(UV, "build", "--sdist", "--wheel", "-o", work / "dist", ROOT, cwd=work)
    wheel = max((work / "dist").glob("*.whl"), key=lambda file: file.stat().st_mtime)
    print(f"wheel {wheel.stat().st_size / 1e6:.1f} MB")
    for part in chosen.parts:
        home = work / (part or "bare")
        call(UV, "venv", "-q", "--clear", "--python", sys.executable, home, cwd=work)
        named = f"{wheel}[{part}]" if part else wheel
        call(
            UV,
            "pip",
            "install",
            "-q",
            "--link-mode",
            "copy",
            "--python",
            home / "bin/python",
            named,
            cwd=work,
        )
        _, seconds = call(home / "bin/palmforge", "--help", cwd=work)
        print(f"[{part}] {size(home)} MB, --help {seconds:.2f} s of CPU", flush=True)
        if not part:
            print(call(home / "bin/palmforge", *BUILD, cwd=work)[0], flush=True)
        if part == "torch":
            print(call(home / "bin/python", "-c", LOOP, cwd=work)[0], flush=True)
    if chosen.tools:
        for tool in (
            [UV, "tool", "run", "--from", wheel],
            [UV, "tool", "run", "pipx", "run", "--spec", wheel],
        ):
            print(*tool[1:], call(*tool, "palmforge", *BUILD, cwd=work)[0], flush=True)


if __name__ == "__main__":
    main()
