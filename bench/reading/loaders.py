"""Reading side by side: PalmDataset and PalmStream beside the usual loaders, the same pictures, one epoch.

Prepare once: python -m bench.reading.loader_data DIR; then python -m bench.reading.loaders measure DIR
(needs `uv pip install --group bench`).
"""

import argparse
import gc
import json
import resource
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

BATCH, WORKERS, BUFFER = 64, 2, 2048  # images of a batch, processes, images of a shuffle buffer


def our_decoder(data: bytes) -> Any:
    """Encoded bytes -> uint8 tensor (3, h, w)."""
    import torch

    from manifests.contract.images import pixels

    return torch.from_numpy(pixels(np.frombuffer(data, np.uint8))).permute(2, 0, 1)


def pillow(data: bytes) -> Any:
    """The same by Pillow, as the libraries decode by themselves."""
    import io

    from PIL import Image
    from torchvision.transforms.functional import pil_to_tensor

    return pil_to_tensor(Image.open(io.BytesIO(data)).convert("RGB"))


def torch_loader(data: Any, shuffle: bool | None = None, **options: Any) -> Any:
    """torch's DataLoader with the settings that all share."""
    from torch.utils.data import DataLoader

    return DataLoader(data, BATCH, shuffle=shuffle, num_workers=WORKERS, **options)


def palm_dataset(folder: Path, own: bool) -> Any:
    """Ours, map-style, through its own loader."""
    from manifests.read.dataset import PalmDataset

    return PalmDataset(folder / "out" / "palms").loader(BATCH, workers=WORKERS)


def palm_dataset_plain(folder: Path, own: bool) -> Any:
    """Ours, map-style, under torch's DataLoader, every image anywhere in the dataset."""
    from manifests.read.dataset import PalmDataset

    return torch_loader(PalmDataset(folder / "out" / "palms"), shuffle=True)


def palm_dataset_balanced(folder: Path, own: bool) -> Any:
    """Ours, 16 identities x 4 captures, as many batches as show 20,000 images."""
    from manifests.read.dataset import PalmDataset

    return PalmDataset(folder / "out" / "palms").loader(BATCH, per_identity=4, workers=WORKERS)


def palm_stream(folder: Path, own: bool) -> Any:
    """Ours, iterable."""
    from manifests.read.stream import PalmStream

    return PalmStream(folder / "out" / "palms", batch_size=BATCH).loader(WORKERS)


def _tensors(row: dict[str, Any], decode: Callable[[bytes], Any]) -> dict[str, Any]:
    images = [decode(image["bytes"]) for image in row["image"]]
    return {"image": images, "label": row["label"]}


def hugging_face(folder: Path, own: bool, streaming: bool) -> Any:
    """datasets over our own Parquet files; streaming shuffles files and a buffer."""
    import datasets

    files = sorted(str(p) for p in (folder / "out" / "palms").glob("*/data/*.parquet"))
    data = datasets.load_dataset(
        "parquet", data_files=files, split="train", streaming=streaming, cache_dir=str(folder / "hf")
    ).select_columns(["image", "label"])
    encoded = datasets.Image(decode=False)
    data = data.with_format("torch") if own else data.cast_column("image", encoded)
    if streaming:
        data = data.shuffle(seed=0, buffer_size=BUFFER)
        if not own:
            data = data.map(lambda row: {**row, "image": our_decoder(row["image"]["bytes"])})
        return torch_loader(data)
    if not own:
        data = data.with_transform(partial(_tensors, decode=our_decoder))
    return torch_loader(data, shuffle=True)


def lit(folder: Path, own: bool) -> Any:
    """litdata over its own chunks of the encoded pictures."""
    import litdata

    decode = pillow if own else our_decoder

    class Decoded(litdata.StreamingDataset):  # type: ignore[misc]
        def __getitem__(self, index: Any) -> Any:
            data, label = super().__getitem__(index)
            return decode(data), label

    data = Decoded(str(folder / "litdata"), shuffle=True, max_cache_size="10GB")
    return litdata.StreamingDataLoader(data, batch_size=BATCH, num_workers=WORKERS)


def web_dataset(folder: Path, own: bool) -> Any:
    """WebDataset over tar files, files shuffled and a buffer."""
    import webdataset as wds

    files = sorted(str(p) for p in folder.glob("wds-*.tar"))
    data = wds.WebDataset(files, shardshuffle=len(files), seed=0).shuffle(BUFFER)
    if own:
        data = data.decode("torchrgb8").to_tuple("png", "cls").batched(BATCH)
    else:
        data = data.decode(wds.handle_extension("png", our_decoder)).to_tuple("png", "cls").batched(BATCH)
    return wds.WebLoader(data, batch_size=None, num_workers=WORKERS)


def image_folder(folder: Path, own: bool) -> Any:
    """torchvision's ImageFolder over one file an image."""
    from torchvision.datasets import ImageFolder
    from torchvision.transforms.functional import pil_to_tensor

    if own:
        return torch_loader(ImageFolder(folder / "imagefolder", transform=pil_to_tensor), shuffle=True)
    read = ImageFolder(folder / "imagefolder", loader=lambda path: our_decoder(Path(path).read_bytes()))
    return torch_loader(read, shuffle=True)


LOADERS: dict[str, Callable[[Path, bool], Any]] = {
    "PalmDataset": palm_dataset,
    "PalmStream": palm_stream,
    "PalmDataset, torch's loader": palm_dataset_plain,
    "PalmDataset, 16 x 4": palm_dataset_balanced,
    "datasets, map": partial(hugging_face, streaming=False),
    "datasets, streaming": partial(hugging_face, streaming=True),
    "litdata": lit,
    "WebDataset": web_dataset,
    "ImageFolder": image_folder,
}


def pairs(batch: Any) -> tuple[Any, Any]:
    """Images and labels of a batch, whatever its form."""
    return (batch["image"], batch["label"]) if isinstance(batch, dict) else (batch[0], batch[1])


def tree_memory(stop: threading.Event, peak: list[float]) -> None:
    """Keep the largest proportional set size (MiB) of this process with its workers in `peak`."""
    import psutil

    while not stop.wait(0.25):
        total = 0
        for process in [psutil.Process(), *psutil.Process().children(recursive=True)]:
            try:
                total += process.memory_full_info().pss
            except psutil.Error:
                continue
        peak[0] = max(peak[0], total / 2**20)


def epoch(name: str, folder: Path, own: bool) -> dict[str, Any]:
    """One epoch in this process: images a second from the first request to the last batch, and memory."""
    import torch

    torch.set_num_threads(1)
    loader = LOADERS[name](folder, own)
    stop, peak = threading.Event(), [0.0]
    watch = threading.Thread(target=tree_memory, args=(stop, peak))
    watch.start()
    seen, distinct = 0, []
    began, cpu = time.perf_counter(), processor_seconds()
    for batch in loader:
        images, labels = pairs(batch)
        assert images.shape[1:] == (3, 128, 128) and images.dtype == torch.uint8, images.shape
        seen += len(images)
        distinct.append(len(set(np.asarray(labels).tolist())))
    seconds = time.perf_counter() - began
    stop.set()
    watch.join()
    del loader, batch, images, labels
    gc.collect()  # persistent workers end, and their time counts
    cpu = processor_seconds() - cpu
    return {
        "images": seen,
        "per_second": seen / seconds,
        "cpu_us": cpu / seen * 1e6,
        "mib": peak[0],
        "identities_a_batch": statistics.mean(distinct),
    }


def cost(folder: Path, turns: int, names: list[str]) -> Iterator[str]:
    """CPU time an image without workers, all loaders in one process taking turns of two batches.

    On a busy machine this compares better than epochs: what disturbs one turn disturbs the next one too.
    """
    import torch

    global WORKERS
    WORKERS = 0
    torch.set_num_threads(1)
    kinds = [(n, own) for n in names for own in (False, True) if not (own and n.startswith("Palm"))]
    running = {kind: iter(LOADERS[kind[0]](folder, kind[1])) for kind in kinds}
    spent: dict[tuple[str, bool], list[float]] = {kind: [] for kind in kinds}
    for _ in range(turns):
        for kind, batches in running.items():
            began = time.process_time()
            seen = sum(len(pairs(next(batches))[0]) for _ in range(2))
            spent[kind].append((time.process_time() - began) / seen * 1e6)
    yield "| loader | decoder | CPU µs an image: mean, median | beside PalmDataset |\n|---|---|---|---|"
    first = statistics.mean(spent[kinds[0]][1:])
    for (name, own), each in spent.items():
        mean, decoder = statistics.mean(each[1:]), "its own" if own or name.startswith("Palm") else "ours"
        yield f"| {name} | {decoder} | {mean:.0f}, {statistics.median(each):.0f} | {mean / first:.2f} |"


def processor_seconds() -> float:
    """Of this process and of its children that have ended: what a busy machine does not change much."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def measure(folder: Path, rounds: int, names: list[str], decoders: list[str]) -> None:
    """Every loader once a round, each epoch in a process of its own; results go to DIR/results.jsonl."""
    for number in range(rounds):
        for own in (decoder == "own" for decoder in decoders):
            for name in names:
                command = [
                    sys.executable,
                    "-m",
                    "bench.reading.loaders",
                    "epoch",
                    str(folder),
                    "--name",
                    name,
                ]
                command += ["--own"] if own else []
                done = subprocess.run(command, capture_output=True, text=True, check=False)
                if done.returncode:
                    print(f"{name}: {done.stderr[-2000:]}", file=sys.stderr, flush=True)
                    continue
                found = {
                    "name": name,
                    "own": own,
                    "round": number,
                    **json.loads(done.stdout.splitlines()[-1]),
                }
                with (folder / "results.jsonl").open("a") as file:
                    print(json.dumps(found), file=file)


def table(folder: Path) -> Iterator[str]:
    """Medians over the rounds, as Markdown."""
    runs = [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]
    yield "| loader | decoder | images/s, median (rounds) | CPU µs an image | peak MiB | identities a batch |"
    yield "|---|---|---|---|---|---|"
    for name, own in dict.fromkeys((run["name"], run["own"]) for run in runs):
        mine = [run for run in runs if (run["name"], run["own"]) == (name, own)]
        keys = ("per_second", "cpu_us", "mib", "identities_a_batch")
        speed, cpu, mib, mixed = (statistics.median(run[key] for run in mine) for key in keys)
        rest = ", ".join(f"{run['per_second']:.0f}" for run in mine)
        decoder = "its own" if own or name.startswith("Palm") else "ours"
        yield f"| {name} | {decoder} | {speed:.0f} ({rest}) | {cpu:.0f} | {mib:.0f} | {mixed:.0f} |"


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("what", choices=["measure", "epoch", "table", "cost"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--names", nargs="*", default=list(LOADERS))
    parser.add_argument("--decoders", nargs="*", default=["own", "ours"], help="of the other libraries")
    parser.add_argument("--name", help=argparse.SUPPRESS)
    parser.add_argument("--own", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.what == "epoch":
        print(json.dumps(epoch(options.name, options.folder, options.own)))
    elif options.what == "cost":
        print("\n".join(cost(options.folder, options.rounds, options.names)))
    else:
        if options.what == "measure":
            measure(options.folder, options.rounds, options.names, options.decoders)
        print("\n".join(table(options.folder)))


if __name__ == "__main__":
    main()
