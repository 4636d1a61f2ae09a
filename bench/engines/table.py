"""The table of engines: cost, realism, genuine and impostor scores, utility; one command, with its plot."""

import argparse
import json
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from bench.engines.table_rows import ROWS, SIZES, Given, learn, measure
from manifests.recipe.baseline_sections import Ddpm, Wgan
from palm_models.engines.baselines.ddpm import DdpmSpec, build
from palm_models.engines.baselines.wgan import Generator, WganSpec
from palm_models.shipped import SHIPPED
from tasks.train.batches import Batches
from tasks.train.ddpm_tps import DdpmTraining
from tasks.train.wgan_gp import WganTraining

PHOTOGRAPHS, DAY = 300, 86_400  # photographs of an epoch; seconds
NAMES = {"bezier": "Bézier creases", "polynomial": "polynomial creases"}
COLUMNS: dict[str, tuple[str, str, Callable[..., Any] | None]] = {  # key of the row, format, best
    "s an image": ("seconds", "{:.3f}", min),
    "images/s": ("per_second", "{:.1f}", max),
    "MiB": ("memory", "{:.0f}", min),
    "SWD ratio": ("swd", "{:.2f}", min),
    "kernel ratio": ("kernel", "{:.2f}", min),
    "genuine": ("genuine", "{:.2f}", None),
    "impostor": ("impostor", "{:.2f}", None),
    "d′": ("d_prime", "{:.1f}", None),
    "EER %": ("eer", "{:.1f}", None),
    "told apart": ("rank_one", "{:.0%}", max),
    "different palms": ("vendi", "{:.1f}", max),
    "utility with: EER %": ("eer_with", "{:.1f}", min),
    "TAR %": ("tar_with", "{:.1f}", max),
    "without: EER %": ("eer_without", "{:.1f}", min),
    "TAR % ": ("tar_without", "{:.1f}", max),
}
OURS = ("diffusion", "renderer")
BELOW = ("renderer", "polynomial")  # named below their points in the plot: they lie near another


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photographs", type=Path, required=True, help="folder human-palm-images")
    parser.add_argument("--aligned", type=Path, required=True, help="aligned.parquet of them, view palm")
    parser.add_argument("--real", type=Path, required=True, help="the same at 768 px with view hand")
    parser.add_argument("--work", type=Path, default=Path(".palmforge/table"), help="trained baselines, rows")
    parser.add_argument("--out", type=Path, default=Path("bench"), help="folder for table.md and table.png")
    parser.add_argument("--sizes", choices=list(SIZES), default="gpu" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--workers", type=int, default=2, help="rows measured at a time")
    parser.add_argument("--row", choices=ROWS, help="measure this row and print it; for the command itself")
    asked = parser.parse_args()
    given = Given(
        asked.photographs, asked.aligned, asked.real, asked.work / asked.sizes,
        "cuda" if asked.sizes == "gpu" else "cpu",
    )  # fmt: skip
    if asked.row:
        print(json.dumps(measure(asked.row, SIZES[asked.sizes], given)))
        return
    table(asked, given)


def table(asked: argparse.Namespace, given: Given) -> None:
    """Train, measure every row in a process of its own, and write table.md and table.png."""
    torch.set_num_threads(1)
    began, sizes = time.monotonic(), SIZES[asked.sizes]
    learned = {name: learn(name, sizes, given) for name in ("wgan-gp", "ddpm-tps")}
    with ThreadPoolExecutor(asked.workers) as pool:
        rows = list(pool.map(lambda name: row(name, given), ROWS))
    costs = [published_wgan(), published_ddpm(), ours()]
    text = written(rows, costs, learned, asked.sizes, time.monotonic() - began)
    (asked.out / "table.md").write_text(text, encoding="utf-8")
    plot(rows, asked.out / "table.png")
    print(text)


def row(name: str, given: Given) -> dict[str, Any]:
    """The row of an engine, kept in the work folder, so that a table that was cut off goes on."""
    kept = given.work / f"row-{name}.json"
    if not kept.exists():
        done = subprocess.run(
            [sys.executable, "-m", "bench.engines.table", *sys.argv[1:], "--row", name],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise SystemExit(f"row {name} failed:\n{done.stderr}")
        kept.write_text(done.stdout.splitlines()[-1])
    print(f"{name} measured", file=sys.stderr, flush=True)
    return dict(json.loads(kept.read_text()))


def seconds(work: Callable[[], Any], times: int = 3) -> float:
    """CPU seconds of the fastest of some runs."""
    taken = []
    for _ in range(times):
        began = time.process_time()
        work()
        taken.append(time.process_time() - began)
    return min(taken)


def published_wgan() -> dict[str, Any]:
    """wgan-gp at its published size: seconds an image, and of its whole training."""
    generator, chosen = Generator(WganSpec()).eval(), Wgan(batch=2)
    with torch.inference_mode():
        image = seconds(lambda: generator(torch.zeros(1, 100)))
    noise = torch.randint(0, 255, (2, 3, chosen.size, chosen.size), dtype=torch.uint8)
    training = WganTraining(chosen, Batches(noise, 2, 0), torch.device("cpu"))
    picture = seconds(training.advance) / 2
    pictures = chosen.epochs * PHOTOGRAPHS
    return _cost("wgan-gp", "256 px, 1,000 epochs of 300 photographs", image, picture, pictures)


def published_ddpm() -> dict[str, Any]:
    """ddpm-tps at its published size; one step of its sampler and of its training, multiplied."""
    diffusion, chosen = build(DdpmSpec()).eval(), Ddpm(batch=1, accumulate=1)
    start = torch.zeros(1, 3, chosen.size, chosen.size)
    image = seconds(lambda: diffusion.p_sample(start, 500)) * chosen.sampling_steps
    noise = torch.randint(0, 255, (1, *start.shape[1:]), dtype=torch.uint8)
    training = DdpmTraining(chosen, Batches(noise, 1, 0), torch.device("cpu"))
    pictures = Ddpm().steps * Ddpm().batch * Ddpm().accumulate
    return _cost("ddpm-tps", "128 px, 50,000 steps of 32", image, seconds(training.advance, 2), pictures)


def ours() -> dict[str, Any]:
    """The diffusion engine as shipped."""
    from palm_models.engines.diffusion.process import loss
    from palm_models.engines.diffusion.weights import load_checkpoint

    loaded = load_checkpoint(SHIPPED)
    network, side = loaded.network.train().requires_grad_(True), loaded.network.spec.size
    structure = torch.zeros(8, 37, side // 4, side // 4)
    noise, when = torch.randn(8, 3, side, side), torch.full((8,), 0.5)
    picture = seconds(lambda: loss(network, noise, structure, noise, when).backward(), 2) / 8
    told_of = loaded.training
    pictures = int(told_of["steps"]) * int(told_of["batch"])
    with torch.inference_mode():
        image = 8 * seconds(lambda: network(noise[:1], structure[:1], when[:1]))
    return _cost(
        "diffusion", f"{side} px, {told_of['steps']} steps of {told_of['batch']}", image, picture, pictures
    )


def _cost(name: str, what: str, image: float, picture: float, pictures: int) -> dict[str, Any]:
    return {
        "name": name,
        "what": what,
        "image": image,
        "picture": picture,
        "hours": picture * pictures / 3600,
    }


def written(
    rows: Sequence[dict[str, Any]], costs: Sequence[dict[str, Any]], learned: dict[str, dict[str, Any]],
    sizes: str, took: float,
) -> str:  # fmt: skip
    """The table as Markdown."""
    chosen = SIZES[sizes]
    steps = ", ".join(f"{name} {facts['steps']} steps" for name, facts in learned.items())
    lines = [
        f"Made by `bench.engines.table --sizes {sizes}` on {datetime.now(UTC):%Y-%m-%d}, "
        f"{platform.machine()}, torch {torch.__version__}; {took / 60:.0f} minutes. "
        f"{chosen.identities} identities × {chosen.captures} "
        f"captures, view palm, 128 px. The baselines learned at {chosen.wgan.size} and {chosen.ddpm.size} px "
        f"here, with faster rates than the published ({steps}); seconds are CPU seconds of one thread.",
        "",
        "| engine | " + " | ".join(COLUMNS) + " |",
        "|---|" + "---|" * len(COLUMNS),
        *(f"| {NAMES.get(r['name'], r['name'])} | " + " | ".join(cells(r, rows)) + " |" for r in rows),
        "",
        f"Bold is best of a column. Ours are not in: {', '.join(lost(rows)) or 'none'}.",
        "",
        "| at full size | training | CPU s an image | CPU s a trained picture | CPU hours of training |",
        "|---|---|---|---|---|",
        *(
            f"| {c['name']} | {c['what']} | {c['image']:.2f} | {c['picture']:.2f} | {c['hours']:.1f} |"
            for c in costs
        ),
    ]
    return "\n".join(lines) + "\n"


def cells(row: dict[str, Any], rows: Sequence[dict[str, Any]]) -> list[str]:
    """The figures of a row; the best of a column is bold."""
    texts = []
    for key, form, best in COLUMNS.values():
        text = form.format(row[key])
        texts.append(f"**{text}**" if best and row[key] == best(r[key] for r in rows) else text)
    return texts


def lost(rows: Sequence[dict[str, Any]]) -> list[str]:
    """The columns in which something else is better than both of our engines, with its name."""
    found = []
    for column, (key, _, best) in COLUMNS.items():
        if best:
            winner = best(rows, key=lambda r: r[key])["name"]
            found += [] if winner in OURS else [f"{column.strip()} ({NAMES.get(winner, winner)})"]
    return found


def plot(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Utility over realism, an engine a point; nothing in it comes from a single photograph."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(9, 3.8), layout="constrained", sharey=True)
    for axis, how in zip(axes, ("with", "without"), strict=True):
        for r in rows:
            colour = "tab:blue" if r["name"] in OURS else "0.5"
            axis.scatter(r["swd"], r[f"eer_{how}"], color=colour, zorder=3)
            right = r["swd"] > 20  # there the name stands before its point
            axis.annotate(
                NAMES.get(r["name"], r["name"]),
                (r["swd"], r[f"eer_{how}"]),
                (-6 if right else 6, -9 if r["name"] in BELOW else 4),
                textcoords="offset points",
                ha="right" if right else "left",
                fontsize=8,
            )
        axis.set(
            title=f"recogniser {how} augmentation",
            xlabel="distance to real palms (SWD ratio, less is better)",
        )
        axis.set_xscale("log")
        axis.set_xticks([1, 2, 5, 10, 20, 50], ["1", "2", "5", "10", "20", "50"])
        axis.minorticks_off()
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("EER on real palms, % (less is better)")
    figure.savefig(path, dpi=120, metadata={"Software": None})
    pyplot.close(figure)


if __name__ == "__main__":
    main()
