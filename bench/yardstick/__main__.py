"""One command: how far sets lie from real palms, and what a recogniser trained on each does on real ones.

Run: python -m bench.yardstick SET [SET ...] --reference ../shared/reference --real ../shared/data/real-dev
"""

import argparse
from dataclasses import replace
from pathlib import Path

import torch

from bench.yardstick.measure import FAST, WAYS, WHOLE, Places, measure
from bench.yardstick.networks import NETWORKS
from bench.yardstick.report import as_text, write


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    add = parser.add_argument
    add("sets", nargs="*", type=Path, help="a version's folder, or an .npz with x (n, h, w[, 3]) and y")
    add("--reference", type=Path, default=Path("../shared/reference"), help="folder of palm_statistics")
    add("--real", type=Path, default=Path("../shared/data/real-dev"))
    add("--work", type=Path, default=Path(".palmforge/yardstick"), help="cache of palms and trainings")
    add("--out", type=Path, help="folder of yardstick.json and yardstick.md; the cache where not given")
    add("--fast", action="store_true", help="short trainings, to iterate by")
    add("--ways", nargs="+", choices=WAYS, default=list(WAYS), help="the recogniser's own augmentation")
    add("--seeds", type=int, help="trainings of each set and way; 3 without and 1 with where not given")
    add("--network", choices=list(NETWORKS))
    add("--no-baseline", action="store_true", help="without the renderer of 0.1.0")
    add("--processes", type=int, default=2, help="of one thread each")
    args = parser.parse_args()
    torch.set_num_threads(1)
    budget = FAST if args.fast else WHOLE
    if args.seeds:
        budget = replace(budget, plain_seeds=args.seeds, strong_seeds=args.seeds)
    if args.network:
        budget = replace(budget, network=args.network)
    places = Places(args.real, args.reference, args.work)
    baseline, processes = not args.no_baseline, args.processes
    found = measure(args.sets, places, budget, args.ways, baseline=baseline, processes=processes)
    print(as_text(found))
    write(found, args.out or args.work)


if __name__ == "__main__":
    main()
