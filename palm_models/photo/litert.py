"""One of MediaPipe's networks, run by LiteRT on one thread: a picture of 8 bits in, arrays out."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import cv2
import numpy as np
from numpy.typing import NDArray

FINDING = ("ai_edge_litert",)  # modules that finding a hand needs; the extra photographs brings them
UNIT = np.arange(256, dtype=np.float32) / 255  # the networks want 0-1


class Network:
    """A network with one input, an RGB picture of `side` px a side."""

    def __init__(self, model: bytes, side: int) -> None:
        from ai_edge_litert.interpreter import Interpreter  # type: ignore[import-untyped, unused-ignore]

        with _quiet():
            self.interpreter = Interpreter(model_content=model, num_threads=1)
            place = self.interpreter.get_input_details()[0]["index"]
            self.interpreter.resize_tensor_input(place, [1, side, side, 3])
            self.interpreter.allocate_tensors()
        self.input = self.interpreter.tensor(place)
        self.outputs = [detail["index"] for detail in self.interpreter.get_output_details()]

    def answer(self, rgb: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        """The outputs for `rgb`, uint8 (side, side, 3), each without its first axis, that of pictures."""
        cv2.LUT(rgb, UNIT, dst=self.input()[0])
        self.interpreter.invoke()
        return [self.interpreter.get_tensor(index)[0] for index in self.outputs]


@contextmanager
def _quiet() -> Iterator[None]:
    """Without LiteRT's notes on stderr, which are of no use there; what goes wrong is raised."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
