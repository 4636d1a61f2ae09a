"""Small networks that turn a grey palm into a vector, each made for a side in pixels."""

from collections.abc import Callable

from torch import nn

from palm_models.measure.encoder import EncoderConfig
from palm_models.measure.palmnet import PalmNet
from tasks.evaluate.recognisers.kind import Settings
from tasks.evaluate.recognisers.networks import competition


def palmnet(width: int) -> Callable[[int], nn.Module]:
    """The network of the palm encoder, narrower: its last grid is flattened, so place is kept."""
    return lambda size: PalmNet(EncoderConfig(size=size, width=width))


NETWORKS: dict[str, tuple[Callable[[int], nn.Module], int]] = {
    "competition": (lambda size: competition(Settings(size=size, width=8, dim=256)), 256),
    "palmnet16": (palmnet(16), 192),
    "palmnet32": (palmnet(32), 192),
}
