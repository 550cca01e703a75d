"""Imprint attacks, built from the formulas of their papers: the layers that a malicious server puts into the model."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np

__all__ = [
    "among_honest",
    "blurred",
    "boenisch",
    "loki",
    "mandrake",
    "robbing",
    "robbing_sparse",
    "stolen",
    "through_convolutions",
]


def quantiles(bins, mean, std):
    """Where the bins begin, all of one mass under a normal law."""
    law = NormalDist(mean, std)
    return np.array([mean - 10 * std, *(law.inv_cdf(k / bins) for k in range(1, bins))])


def direction(kind, inputs, rng):
    """The number that the layer measures of a sample: its brightness, a cosine of a discrete cosine transform, or any."""
    if kind == "mean":
        return np.full(inputs, 1 / inputs)
    if kind == "cosine":
        return np.cos(np.pi / inputs * (np.arange(inputs) + 0.5) * 3) * 3 / inputs
    v = rng.standard_normal(inputs)
    return (v - v.mean()) / v.std() / np.sqrt(inputs)


def robbing(inputs, bins, rng, kind="mean", gain=1.0, mean=0.0, std=1.0):
    """Fowl et al., ICLR 2022, arXiv:2110.13057, section 3: W_i = v, b_i = -q_i, ReLU, and a layer of ones behind it."""
    return {
        "imprint.0.weight": np.tile(direction(kind, inputs, rng) * gain, (bins, 1)).astype(np.float32),
        "imprint.0.bias": (-quantiles(bins, mean, std) * gain).astype(np.float32),
        "imprint.2.weight": np.full((inputs, bins), 1 / gain, np.float32),
        "imprint.2.bias": rng.uniform(-0.05, 0.05, inputs).astype(np.float32),
    }


def robbing_sparse(inputs, bins, rng, kind="mean"):
    """The variant with a bounded activation: rows and biases are divided by the width of their bin."""
    law = NormalDist()
    edges = np.array([law.inv_cdf(k / (bins + 2)) for k in range(1, bins + 2)])
    widths = np.diff(edges)
    return {
        "imprint.0.weight": (direction(kind, inputs, rng) / widths[:, None]).astype(np.float32),
        "imprint.0.bias": (-edges[1:] / widths).astype(np.float32),
    }


def boenisch(inputs, units, rng, scale=0.95, std=0.5, exact=True):
    """Boenisch et al., EuroS&P 2023, arXiv:2112.02918: half of each row negative, half its mirror times s < 1, in random order.

    With exact=False both halves are drawn for themselves, which is as good a trap.
    """
    half = inputs // 2
    negative = -np.abs(rng.standard_normal((units, half)) * std)
    mirror = negative if exact else -np.abs(rng.standard_normal((units, half)) * std)
    rows = np.concatenate([negative, -scale * mirror], axis=1)
    rows = rng.permuted(rows, axis=1)
    return {"fc.weight": rows.astype(np.float32), "fc.bias": np.zeros(units, np.float32)}


def loki(channels, side, bins, clients, client, rng, factor=500.0):
    """Zhao et al., S&P 2024, arXiv:2303.12233: kernels that pass the image on for one client alone, scaled; bins behind them."""
    conv = np.zeros((clients * channels, channels, 3, 3), np.float32)
    for channel in range(channels):
        conv[client * channels + channel, channel, 1, 1] = factor
    inputs = clients * channels * side * side
    edges = quantiles(bins + 1, 0.47, 0.12)[1:]
    widths = np.diff(np.append(edges, edges[-1] + 0.1))
    fc = np.full((bins, inputs), 1 / factor / (channels * side * side)) / widths[:, None]
    return {
        "conv.weight": conv,
        "conv.bias": np.zeros(len(conv), np.float32),
        "fc1.weight": fc.astype(np.float32),
        "fc1.bias": (-edges / widths).astype(np.float32),
        "fc2.weight": np.full((channels * side * side, bins), 1000.0, np.float32),
        "fc2.bias": np.zeros(channels * side * side, np.float32),
    }


def mandrake(channels, side, bins, clients, client, rng):
    """MANDRAKE (Zhao et al., CVPR 2023): as LOKI, unscaled, and every weight 0 that serves another client."""
    found = loki(channels, side, bins, clients, client, rng, factor=1.0)
    own = np.zeros(clients * channels, bool)
    own[client * channels : (client + 1) * channels] = True
    found["fc1.weight"] = found["fc1.weight"] * np.repeat(own, side * side)
    return {name: found[name] for name in ("conv.weight", "conv.bias", "fc1.weight", "fc1.bias")}


def through_convolutions(channels, kernels, rng):
    """A way through a convolution for trap weights: a few kernels pass the image on, the others are as ever."""
    bound = 1 / np.sqrt(channels * 9)
    conv = rng.uniform(-bound, bound, (kernels, channels, 3, 3)).astype(np.float32)
    conv[:channels] = 0
    conv[np.arange(channels), np.arange(channels), 1, 1] = 1
    return {"conv.weight": conv, "conv.bias": rng.uniform(-bound, bound, kernels).astype(np.float32)}


def blurred(model, noise, rng):
    """An imprint layer that hides: each row gets noise of this length, relative to its own."""
    rows = model["imprint.0.weight"]
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    added = rng.standard_normal(rows.shape)
    added *= noise * lengths / np.linalg.norm(added, axis=1, keepdims=True)
    return {"imprint.0.weight": (rows + added).astype(np.float32), "imprint.0.bias": model["imprint.0.bias"]}


def among_honest(inputs, units, part, rng):
    """An imprint layer that hides among rows as PyTorch starts them."""
    bins = round(part * units)
    bound = 1 / np.sqrt(inputs)
    rows = rng.uniform(-bound, bound, (units, inputs))
    bias = rng.uniform(-bound, bound, units)
    found = robbing(inputs, bins, rng)
    places = rng.permutation(units)[:bins]
    rows[places], bias[places] = found["imprint.0.weight"], found["imprint.0.bias"]
    return {"fc.weight": rows.astype(np.float32), "fc.bias": bias.astype(np.float32)}


def stolen(rows, bias, samples, width=np.inf):
    """How many of the samples the server reads off the summed gradient of one step, to 1 %.

    Every unit that a sample switches on adds the sample to the gradient of its row, and 1 to that of its bias; differences of
    rows whose thresholds follow each other, and rows by themselves, are divided by those of the biases. `width`: the largest
    value at which the activation still has a slope.
    """
    values = samples.astype(float) @ rows.T.astype(float) + bias.astype(float)
    on = ((values > 0) & (values < width)).astype(float)
    weight_gradient, bias_gradient = on.T @ samples, on.sum(axis=0)
    order = np.argsort(-bias / np.linalg.norm(rows, axis=1), kind="stable")
    candidates = [(weight_gradient, bias_gradient)]
    candidates.append(
        (weight_gradient[order[:-1]] - weight_gradient[order[1:]], bias_gradient[order[:-1]] - bias_gradient[order[1:]])
    )
    found = np.concatenate([w[b != 0] / b[b != 0, None] for w, b in candidates])
    if not len(found):
        return 0
    errors = np.linalg.norm(samples[:, None] - found[None], axis=2).min(axis=1)
    return int((errors <= 0.01 * np.linalg.norm(samples, axis=1)).sum())
