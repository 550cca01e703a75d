"""Blocks of convolution, ReLU and pooling, against torch's, there and back."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

pytest.importorskip("numba")
kernels = pytest.importorskip("mithridate.sim.convolution")


def there(shape, images, flat):
    """What the block gives, which of four numbers it took, and the input that it saw."""
    n, inner, height, width, outer, kernel, pad = shape
    high, wide = ((side + 2 * pad - kernel + 1) // 2 for side in (height, width))
    x = np.empty(inner * (height + 2 * pad) * (width + 2 * pad) * n, np.float32)
    kernels.laid(images, shape, x)
    out = np.empty(outer * high * wide * n, np.float32)
    which = np.empty(out.shape, np.int32)
    kernels.forward(shape, flat, x, out, which)
    return out.reshape(outer, high, wide, n), which, x


def innermost(x):
    """Torch's layout with the batch innermost."""
    return x.detach().permute(1, 2, 3, 0).numpy()


@settings(deadline=None)  # the first call compiles
@given(
    st.sampled_from([16, 32]),
    st.integers(1, 7),
    st.integers(6, 11),
    st.integers(6, 11),
    st.integers(1, 13),
    st.sampled_from([(1, 0), (2, 1), (3, 0), (3, 1), (3, 2), (5, 3)]),
    st.integers(0, 99),
)
def test_a_block_and_its_gradient_are_torchs(n, inner, height, width, outer, kernel_pad, seed):
    kernel, pad = kernel_pad
    torch.manual_seed(seed)
    conv, x = nn.Conv2d(inner, outer, kernel, padding=pad), torch.randn(n, inner, height, width, requires_grad=True)
    expected = functional.max_pool2d(torch.relu(conv(x)), 2)
    error = torch.randn_like(expected)
    expected.backward(error)

    shape = (n, inner, height, width, outer, kernel, pad)
    flat = torch.cat([conv.weight.reshape(-1), conv.bias]).detach().numpy()
    out, which, seen = there(shape, x.detach().reshape(n, -1).numpy(), flat)
    assert np.allclose(out, innermost(expected), rtol=1e-4, atol=1e-5)
    gradient, inward = np.full_like(flat, np.nan), np.full(kernels.room(shape), np.nan, np.float32)
    flat_error = np.ascontiguousarray(innermost(error)).reshape(-1)
    kernels.backward(shape, flat, seen, flat_error, which, gradient, inward)
    found = torch.cat([conv.weight.grad.reshape(-1), conv.bias.grad]).numpy()
    assert np.allclose(gradient, found, rtol=1e-3, atol=1e-3)
    inward = inward[: x.numel()].reshape(inner, height, width, n)
    assert np.allclose(inward, innermost(x.grad), rtol=1e-3, atol=1e-4)
    alone = np.empty_like(flat)
    kernels.backward(shape, flat, seen, flat_error, which, alone, np.empty(0, np.float32))
    assert np.allclose(alone, gradient, rtol=1e-4, atol=1e-4)


def test_one_number_by_hand():
    # 8 x 8 images of ones, weight 2, bias -1: 1 everywhere; each pooled number came from the first of its four
    shape = (16, 1, 8, 8, 1, 1, 0)
    out, which, seen = there(shape, np.ones((16, 64), np.float32), np.array([2, -1], np.float32))
    assert (out == 1).all()
    assert (which == 0).all()
    gradient = np.empty(2, np.float32)
    kernels.backward(shape, np.array([2, -1], np.float32), seen, out.reshape(-1), which, gradient, np.empty(0, "f4"))
    assert gradient.tolist() == [16 * 16, 16 * 16]  # 4 x 4 numbers of 16 samples


def test_what_relu_stops_sends_nothing_back():
    shape = (16, 1, 8, 8, 1, 1, 0)
    flat = np.array([-1, 0], np.float32)
    out, which, seen = there(shape, np.ones((16, 64), np.float32), flat)
    assert not out.any()
    gradient = np.empty(2, np.float32)
    kernels.backward(shape, flat, seen, np.ones(out.size, np.float32), which, gradient, np.empty(0, "f4"))
    assert gradient.tolist() == [0, 0]


@pytest.mark.parametrize("place", [0, 1, 8, 9])
def test_what_is_no_number_is_not_hidden(place):
    images = np.ones((16, 64), np.float32)
    images[3, place] = np.nan
    out, _, _ = there((16, 1, 8, 8, 1, 1, 0), images, np.array([1, 0], np.float32))
    assert np.isnan(out[0, 0, 0, 3])
    assert np.isnan(out).sum() == 1


def test_a_border_is_put_round_images_that_lie_right_already():
    images = np.arange(16 * 4, dtype=np.float32).reshape(16, 4)
    expected, found = np.empty(16 * 16, np.float32), np.empty(16 * 16, np.float32)
    shape = (16, 1, 2, 2, 1, 3, 1)
    kernels.laid(images, shape, expected)
    kernels.bordered(np.ascontiguousarray(images.T).reshape(-1), shape, found)
    assert np.array_equal(found, expected)
