"""P x K batches over 10 million rows of labels: memory, time, and how equally identities and images are seen.

Run: python -m bench.reading.balanced [--rows 10000000] [--images 10] [-p 64] [-k 4] [--ranks 2]
"""

import argparse
import resource
import time

import numpy as np

from manifests.read.balanced import PKOrder


def main() -> None:
    """One round of all identities on every rank."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--images", type=int, default=10, help="of an identity")
    parser.add_argument("-p", type=int, default=64)
    parser.add_argument("-k", type=int, default=4)
    parser.add_argument("--ranks", type=int, default=2)
    options = parser.parse_args()
    labels = np.repeat(np.arange(options.rows // options.images, dtype=np.int64), options.images)
    began = time.perf_counter()
    orders = [
        PKOrder(labels, options.p, options.k, rank=r, ranks=options.ranks) for r in range(options.ranks)
    ]
    built = time.perf_counter() - began
    steps = orders[0].identities // orders[0].step
    turns, shown = np.zeros(orders[0].identities, np.int64), np.zeros(options.rows, np.uint8)
    began, cpu = time.perf_counter(), time.process_time()
    for step in range(steps):
        rows = np.stack([order.batch(0, step) for order in orders])
        chosen = labels[rows].reshape(-1, options.k)
        assert (chosen == chosen[:, :1]).all() and len(np.unique(chosen[:, 0])) == orders[0].step
        np.add.at(turns, chosen[:, 0], 1)
        np.add.at(shown, rows.ravel(), 1)
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    batches, peak = steps * options.ranks, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{options.rows} rows, {orders[0].identities} identities: built in {built:.1f} s")
    print(f"{batches} batches of {options.p} x {options.k} on {options.ranks} ranks, {seconds:.0f} s")
    print(f"{cpu / batches * 1e3:.2f} ms of CPU a batch, these checks included; peak {peak:.0f} MiB")
    print(f"turns of an identity {turns.min()} to {turns.max()}, of an image {shown.min()} to {shown.max()}")


if __name__ == "__main__":
    main()
