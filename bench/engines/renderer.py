"""Speed of the renderer, identity set-up included; usage: python -m bench.engines.renderer [IDENTITIES]."""

import sys
import time

from manifests.words import View
from palm_models.engines.renderer import RendererEngine
from palm_models.hand.capture import make_capture
from palm_models.hand.identity import make_identity


def main(identities: int = 12, captures: int = 10) -> None:
    """Draws and times three kinds of view."""
    engine = RendererEngine()
    kinds: list[tuple[View, int]] = [("palm", 128), ("palm", 256), ("hand", 256)]
    for view, size in kinds:
        wall, cpu = time.perf_counter(), time.process_time()
        for subject in range(identities):
            identity = make_identity(0, subject, "right")
            shots = [make_capture(0, subject, "right", k) for k in range(captures)]
            engine.draw(identity, shots, view, size)
        n = identities * captures
        wall, cpu = (time.perf_counter() - wall) / n, (time.process_time() - cpu) / n
        print(
            f"view {view} {size}: {1e3 * cpu:.1f} ms of CPU a picture ({1 / cpu:.0f}/s a core), "
            f"wall {1e3 * wall:.1f} ms"
        )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
