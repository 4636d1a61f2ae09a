"""MediaPipe's palm detector, run at the side that suits the hands: palms as boxes with seven points each."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from palm_models.photo.litert import Network

TRAINED_SIDE = 192  # px; the network is convolutional, so that any multiple of 32 works, in its share of time
LAYERS = ((8, 2), (16, 6))  # stride in px of a layer of anchors, anchors at each of its places
SAME_PALM = 0.3  # boxes that share more than this of their union show one palm
POINTS = [0, 5, 6, 1, 2, 3, 4]  # its points by our landmarks: wrist, thumb, knuckles index to little finger
LANDMARKS = [0, 1, 2, 5, 9, 13, 17]


class Palm(NamedTuple):
    """One palm. landmarks: float32 (21, 2) px of the input, NaN where nothing is said; score: 0-1."""

    landmarks: NDArray[np.float32]
    score: float


class PalmDetector:
    """The single-shot detector of Bazarevsky and Zhang 2019.

    side: of the input in pixels, a multiple of 32. It finds palms of 20 to 100 px, so a smaller side finds
    hands that fill the picture, in less time, and a larger one small hands.
    """

    def __init__(self, model: bytes, side: int = TRAINED_SIDE) -> None:
        self.network, self.anchors = Network(resized(model, side), side), anchors(side)

    def detect(self, rgb: NDArray[np.uint8], confidence: float) -> list[Palm]:
        """Palms in `rgb`, uint8 (side, side, 3), that score at least `confidence`, best first, none twice."""
        raw, logits = self.network.answer(rgb)
        scores = np.asarray(1 / (1 + np.exp(-np.clip(logits[:, 0], -80, 80))), np.float32)
        sure = np.flatnonzero(scores >= confidence)
        boxes = raw[sure].reshape(-1, 9, 2)  # centre, size, seven points; px, of which centre and points from
        boxes[:, [0, *range(2, 9)]] += self.anchors[sure, None]  # the anchor
        return merged(boxes, scores[sure])


def anchors(side: int) -> NDArray[np.float32]:
    """Where the rows of the network's answer look from: (n, 2) px, layer by layer, row by row."""
    places = []
    for stride, number in LAYERS:
        y, x = np.divmod(np.arange((side // stride) ** 2), side // stride)
        places.append(np.repeat((np.stack([x, y], axis=1) + 0.5) * stride, number, axis=0))
    return np.concatenate(places).astype(np.float32)


def merged(boxes: NDArray[np.float32], scores: NDArray[np.float32]) -> list[Palm]:
    """The palms that boxes (n, 9, 2) show, best first: those of one palm averaged by their scores."""
    order = np.argsort(-scores, kind="stable")
    boxes, scores, palms = boxes[order], scores[order], []
    while len(boxes):
        same = overlap(boxes[0], boxes) > SAME_PALM
        same[0] = True
        landmarks = np.full((21, 2), np.nan, np.float32)
        landmarks[LANDMARKS] = np.average(boxes[same, 2:], axis=0, weights=scores[same])[POINTS]
        palms.append(Palm(landmarks - 0.5, float(scores[0])))  # its points: corners of pixels are whole
        boxes, scores = boxes[~same], scores[~same]
    return palms


def overlap(box: NDArray[np.float32], boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Intersection over union of one box (9, 2) with each of `boxes` (n, 9, 2)."""
    low = np.maximum(box[0] - box[1] / 2, boxes[:, 0] - boxes[:, 1] / 2)
    high = np.minimum(box[0] + box[1] / 2, boxes[:, 0] + boxes[:, 1] / 2)
    shared = np.prod(np.clip(high - low, 0, None), axis=1)
    return np.asarray(shared / (box[1].prod() + boxes[:, 1].prod(axis=1) - shared), np.float32)


def resized(model: bytes, side: int) -> bytes:
    """The network for inputs of another side: the sizes that its two enlargements name are replaced."""
    if side == TRAINED_SIDE:
        return model
    import flatbuffers  # type: ignore[import-untyped, unused-ignore]
    from ai_edge_litert import schema_py_generated as schema  # type: ignore[import-untyped, unused-ignore]

    network: Any = schema.ModelT.InitFromPackedBuf(model)
    graph = network.subgraphs[0]
    for operator in graph.operators:
        if network.operatorCodes[operator.opcodeIndex].builtinCode == schema.BuiltinOperator.RESIZE_BILINEAR:
            size = network.buffers[graph.tensors[operator.inputs[1]].buffer]
            grown = np.frombuffer(bytes(size.data), np.int32) * side // TRAINED_SIDE
            size.data = np.frombuffer(grown.astype(np.int32).tobytes(), np.uint8)
    builder = flatbuffers.Builder(len(model))
    builder.Finish(network.Pack(builder), b"TFL3")
    return bytes(builder.Output())
