"""Installs the wheel into fresh environments: size of each part, what a missing one says, a training.

python -m bench.running.install --work /tmp/install          (needs the package index; deletes as it goes)
"""

import argparse
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
UV = Path(sys.executable).with_name("uv")
PARTS = ["", "torch", "photographs", "augment", "prefect", "s3", "hub", "lance", "sign", "train", "all"]
BUILD = [
    "build", "quickstart", "--engine.name", "renderer", "--dataset.identities", "12",
    "--dataset.captures", "4", "--dataset.views", "palm",
]  # fmt: skip
LOADER = """
from manifests.read import PalmDataset
data = PalmDataset("out/quickstart", split="train", view="palm", relabel=True)
loader = data.loader(batch_size=8, per_identity=2)
"""
LOOP = f"""import torch
{LOADER}
net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.LazyLinear(len(data.identities)))
for step, (images, labels) in enumerate(loader):
    loss = torch.nn.functional.cross_entropy(net(images.float() / 255), labels)
    loss.backward()
print(step + 1, "batches, loss", round(loss.item(), 2))
"""
MISSING = {  # what asks for each extra
    "torch": [*BUILD, "--engine.name", "diffusion"],
    "photographs": ["align", "photographs", "--out", "aligned"],
    "augment": [*BUILD, "--augment.copies", "1", "--set", "augment.transforms=[{name='HorizontalFlip'}]"],
    "prefect": ["deploy"],
    "s3": ["show", "s3://bucket/palms"],
    "hub": ["push", "out/quickstart", "hf://datasets/owner/name", "--unjudged"],
    "lance": ["export", "out/quickstart", "--to", "lance", "--out", "lance"],
    "sign": [*BUILD, "--publish.sign", "true"],
    "train": ["evaluate", "out/quickstart", "--real", "photographs"],
}


def call(*command: object, cwd: Path, fails: bool = False) -> tuple[str, float]:
    """What a command said, and its CPU seconds with its children's. Exits unless it ends as wanted."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("VIRTUAL_ENV", "PYTHONPATH"))}
    done = subprocess.run(
        list(map(str, command)), cwd=cwd, check=False, capture_output=True, text=True, env=environment
    )
    if bool(done.returncode) != fails:
        raise SystemExit(f"{command}: {done.returncode}\n{done.stdout}{done.stderr}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    said = done.stderr if fails else done.stdout
    return said.strip(), after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def size(folder: Path) -> int:
    """Megabytes that lie below a folder."""
    return round(sum(f.lstat().st_size for f in folder.rglob("*") if not f.is_dir()) / 1e6)


def bare(home: Path, work: Path) -> None:
    """A build without torch, a training loop that names it, and each other part named by who needs it."""
    print(call(home / "bin/palmforge", *BUILD, cwd=work)[0], flush=True)
    (work / "photographs").mkdir(exist_ok=True)
    for part, command in MISSING.items():
        said = call(home / "bin/palmforge", *command, cwd=work, fails=True)[0].splitlines()[-1]
        named = part in said.rpartition("palmforge[")[2].rstrip("]'").split(",") and "palmforge[" in said
        print(f"  {part:<12}{'named' if named else 'NOT NAMED'}: {said}")
    print("  loader:", call(home / "bin/python", "-c", LOADER, cwd=work, fails=True)[0].splitlines()[-1])


def main() -> None:
    """Build the wheel, install it with each part, try what the part is for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", nargs="*", default=PARTS, help='extras; "" is the bare package')
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
        to = ("--link-mode", "copy", "--python", home / "bin/python")
        call(UV, "pip", "install", "-q", *to, named, cwd=work)
        _, seconds = call(home / "bin/palmforge", "--help", cwd=work)
        print(f"[{part}] {size(home)} MB, --help {seconds:.2f} s of CPU", flush=True)
        if not part:
            bare(home, work)
        if part == "torch":
            print(call(home / "bin/python", "-c", LOOP, cwd=work)[0], flush=True)
        shutil.rmtree(home)
    if chosen.tools:
        for tool in (
            [UV, "tool", "run", "--from", wheel],
            [UV, "tool", "run", "pipx", "run", "--spec", wheel],
        ):
            shutil.rmtree(work / "out", ignore_errors=True)
            print(*tool[1:], call(*tool, "palmforge", *BUILD, cwd=work)[0], flush=True)


if __name__ == "__main__":
    main()
