"""The running average of a network's weights, which draws better than the weights of any one step."""

import copy
from typing import TypeVar

import torch
from torch import nn

Network = TypeVar("Network", bound=nn.Module)


def average_of(network: Network) -> Network:
    """A copy of the network that does not learn by itself: `follow` moves it."""
    return copy.deepcopy(network).requires_grad_(False).eval()


@torch.no_grad()
def follow(average: nn.Module, network: nn.Module, memory: float, step: int) -> None:
    """average <- m * average + (1 - m) * network; m is `memory`, and less in the first steps.

    step: steps done, from 1.
    """
    m = min(memory, (1 + step) / (10 + step))
    torch._foreach_lerp_(list(average.parameters()), list(network.parameters()), 1 - m)
    for own, other in zip(average.buffers(), network.buffers(), strict=True):
        own.copy_(other)  # statistics of batch norms average by themselves
