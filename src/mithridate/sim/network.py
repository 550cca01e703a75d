"""Networks whose gradients are written out: blocks of convolution, ReLU and pooling by two, then dense layers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from torch import nn

from mithridate.sim import dense

__all__ = ["Block", "Network", "gradients", "traced"]

_LANES = 16
"""Samples in a vector of the compiled kernels; batches come in multiples of it."""


@dataclass(frozen=True)
class Block:
    """Conv2d of stride 1, ReLU and MaxPool2d(2) on images of one size.

    Args:
        inner, height, width: The images.
        outer, kernel, pad: The convolution's channels, side and border.
        start: Where its weights, then its biases, begin in the flat vector.
    """

    inner: int
    height: int
    width: int
    outer: int
    kernel: int
    pad: int
    start: int

    @property
    def end(self) -> int:
        return self.start + self.outer * self.inner * self.kernel**2 + self.outer

    @property
    def pooled(self) -> tuple[int, int, int]:
        """Channels, height and width of what comes out."""
        less = 2 * self.pad - self.kernel + 1
        return self.outer, (self.height + less) // 2, (self.width + less) // 2

    @property
    def bordered(self) -> int:
        """Numbers in an image with its border."""
        return self.inner * (self.height + 2 * self.pad) * (self.width + 2 * self.pad)

    def shape(self, batch: int) -> tuple[int, ...]:
        """As `sim.convolution` wants it."""
        return batch, self.inner, self.height, self.width, self.outer, self.kernel, self.pad

    @property
    def roomy(self) -> bool:
        """Whether the kernels can work on it: rows of 64 numbers in and out, whatever the batch."""
        wide = self.width + 2 * self.pad - self.kernel + 1
        return min(wide, self.width) * _LANES >= 64 and self.pooled[1] > 0 and self.kernel > self.pad


@dataclass(frozen=True)
class Network:
    """Blocks, if any, then linear layers and activations, in order."""

    blocks: tuple[Block, ...]
    dense: tuple[nn.Module, ...]

    @property
    def start(self) -> int:
        """Where the dense layers begin in the flat vector."""
        return self.blocks[-1].end if self.blocks else 0


def traced(module: nn.Module, shape: tuple[int, ...]) -> Network | None:
    """The network that a module is on samples of this shape; None if it is anything else, or convolves and numba is missing.

    Types are compared exactly: a subclass may compute something else.

    >>> traced(nn.Sequential(nn.Flatten(), nn.Linear(4, 2)), (1, 2, 2)).blocks
    ()
    >>> traced(nn.Sequential(nn.Flatten(), nn.Linear(4, 2), nn.Sigmoid()), (1, 2, 2)) is None
    True
    """
    if type(module) is not nn.Sequential:
        return None
    parts = list(module)
    blocks: list[Block] = []
    while len(shape) == 3 and len(parts) > 3 and type(parts[0]) is nn.Conv2d:
        block = _block(parts[:3], shape, blocks[-1].end if blocks else 0)
        if block is None:
            return None
        blocks.append(block)
        parts, shape = parts[3:], block.pooled
    layers = dense.layers(nn.Sequential(*parts))
    if layers is None or (blocks and (type(parts[0]) is not nn.Flatten or _kernels() is None)):
        return None
    return Network(tuple(blocks), layers) if layers[0].in_features == math.prod(shape) else None


def _block(parts: list[nn.Module], shape: tuple[int, ...], start: int) -> Block | None:
    conv, relu, pool = parts
    if type(conv) is not nn.Conv2d or type(relu) is not nn.ReLU or type(pool) is not nn.MaxPool2d:
        return None
    plain = (conv.stride, conv.dilation, conv.groups, conv.padding_mode) == ((1, 1), (1, 1), 1, "zeros")
    trained = conv.bias is not None and conv.weight.requires_grad and conv.bias.requires_grad
    halves = all(size in (2, (2, 2)) for size in (pool.kernel_size, pool.stride)) and not pool.ceil_mode
    halves = halves and pool.padding in (0, (0, 0)) and pool.dilation in (1, (1, 1)) and not pool.return_indices
    square = conv.kernel_size[0] == conv.kernel_size[1] and conv.padding in ((0, 0), *((p, p) for p in range(1, 8)))
    if not (plain and trained and halves and square) or conv.in_channels != shape[0]:
        return None
    inner, height, width = shape
    block = Block(inner, height, width, conv.out_channels, int(conv.kernel_size[0]), int(conv.padding[0]), start)
    return block if block.roomy else None


@cache
def _kernels() -> Any:
    """The compiled passes through a block, or None."""
    if find_spec("numba") is None:
        return None
    try:
        return import_module("mithridate.sim.convolution")
    except RuntimeError:  # numba finds no folder in which it may keep compiled code
        return None


def gradients(
    network: Network,
    flat: torch.Tensor,
    x: torch.Tensor,
    y: torch.Tensor,
    mass: torch.Tensor,
    out: torch.Tensor,
) -> None:
    """As `dense.gradients`, for any network that `traced` finds.

    With blocks, the batch must be whole vectors: a multiple of 16.

    Cost: three products per layer; the images of a client at a time, the dense layers of all clients at once.
    """
    if not network.blocks:
        dense.gradients(network.dense, flat, x, y, mass, out)
        return
    clients, batch = y.shape
    features = torch.empty(clients, math.prod(network.blocks[-1].pooled), batch)
    passes = [
        _through(network, weights.numpy(), images.numpy(), last.numpy())
        for weights, images, last in zip(flat, x, features, strict=True)
    ]
    start, error = network.start, torch.empty_like(features)
    dense.gradients(network.dense, flat[:, start:], features.transpose(1, 2), y, mass, out[:, start:], error)
    for weights, seen, wrong, gradient in zip(flat, passes, error, out, strict=True):
        _back(network, weights.numpy(), seen, wrong.numpy(), gradient.numpy())


Pass = list[tuple[np.ndarray, np.ndarray]]


def _through(network: Network, flat: np.ndarray, images: np.ndarray, out: np.ndarray) -> Pass:
    """Write one client's features to `out`; what each block saw, and which of four numbers it took, is what comes back."""
    batch, kernels, seen, values = len(images), _kernels(), [], images
    for number, block in enumerate(network.blocks):
        shape, size = block.shape(batch), math.prod(block.pooled) * batch
        x, which = np.empty(block.bordered * batch, np.float32), np.empty(size, np.int32)
        framed = kernels.bordered if number else kernels.laid
        framed(values, shape, x)
        values = out.reshape(-1) if block is network.blocks[-1] else np.empty(size, np.float32)
        kernels.forward(shape, flat[block.start : block.end], x, values, which)
        seen.append((x, which))
    return seen


def _back(network: Network, flat: np.ndarray, seen: Pass, error: np.ndarray, out: np.ndarray) -> None:
    """Write the gradient of one client's blocks to `out`."""
    batch, wrong, kernels = error.shape[-1], error.reshape(-1), _kernels()
    for number in range(len(network.blocks) - 1, -1, -1):
        block, (x, which) = network.blocks[number], seen[number]
        shape, place = block.shape(batch), slice(block.start, block.end)
        given = np.empty(kernels.room(shape) if number else 0, np.float32)
        kernels.backward(shape, flat[place], x, wrong, which, out[place], given)
        wrong = given
