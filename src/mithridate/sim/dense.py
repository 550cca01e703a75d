"""Gradients of many clients' dense networks at once: the chain rule written out, one batched product per layer and direction."""

from __future__ import annotations

import torch
from torch import nn

__all__ = ["gradients", "layers"]

_SMOOTH = (nn.ReLU, nn.Tanh)


def layers(module: nn.Module) -> tuple[nn.Module, ...] | None:
    """The linear layers and activations of a plain dense network, in order; None if the module is anything else.

    Types are compared exactly: a subclass may compute something else.

    >>> layers(nn.Sequential(nn.Flatten(), nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 2)))
    (Linear(in_features=2, out_features=3, bias=True), ReLU(), Linear(in_features=3, out_features=2, bias=True))
    >>> layers(nn.Sequential(nn.Linear(2, 2), nn.Dropout())) is None
    True
    """
    if type(module) is not nn.Sequential:
        return None
    first, *parts = module if type(module[0]) is nn.Flatten else (nn.Flatten(), *module)
    plain = first.start_dim == 1 and first.end_dim == -1 and bool(parts) and type(parts[-1]) is nn.Linear
    if not plain or type(parts[0]) is not nn.Linear:
        return None
    return tuple(parts) if all(_known(part) for part in parts) else None


def _known(part: nn.Module) -> bool:
    if type(part) is nn.Linear:
        return part.bias is not None and part.weight.requires_grad and part.bias.requires_grad
    return type(part) in _SMOOTH


def gradients(
    parts: tuple[nn.Module, ...],
    flat: torch.Tensor,
    x: torch.Tensor,
    y: torch.Tensor,
    mass: torch.Tensor,
    out: torch.Tensor,
    given: torch.Tensor | None = None,
) -> None:
    """Row k of `out`: the gradient, at row k of `flat`, of client k's cross-entropy with its samples weighed by `mass`.

    With z_l = a_l W_l^T + b_l, a_{l+1} = phi(z_l) and e_L = mass (softmax(z_L) - onehot(y)):
    dW_l = e_l^T a_l, db_l = sum e_l, e_{l-1} = (e_l W_l) phi'(z_{l-1}).

    Args:
        parts: As `layers` found them.
        flat: (k, d), the clients' parameters; rows may be one and the same (`expand`).
        x: (k, b, features).
        y: (k, b) int64.
        mass: (k, b), what each sample counts; 0 for padding.
        out: (k, d), overwritten.
        given: (k, features, b), overwritten with the gradient of x if it is asked for.
    Cost: three batched products per layer, O(k b d).
    """
    places = _places(parts)
    with torch.no_grad():
        values = [x]
        for part, place in zip(parts, places, strict=True):
            values.append(_forward(part, place, flat, values[-1]))
        error = torch.softmax(values.pop(), -1)
        error.scatter_add_(2, y[:, :, None], torch.full((), -1.0).expand(*y.shape, 1))
        error *= mass[:, :, None]
        for number in range(len(parts) - 1, -1, -1):
            part, place, before = parts[number], places[number], values[number]
            if place is None:  # before is z, the next value phi(z)
                seen = values[number + 1]
                error = _passed(part, error, seen)
                continue
            weight, bias = _views(out, part, place)
            torch.bmm(error.transpose(1, 2), before, out=weight)
            torch.sum(error, 1, out=bias)
            weight = _views(flat, part, place)[0]
            if number:
                error = torch.bmm(error, weight)
            elif given is not None:
                torch.bmm(weight.transpose(1, 2), error.transpose(1, 2), out=given)


def _passed(part: nn.Module, error: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
    """The error before an activation that gave `seen`, by the operators that torch's own gradients use."""
    if type(part) is nn.ReLU:
        return torch.ops.aten.threshold_backward(error, seen, 0)  # type: ignore[no-any-return]  # an operator's result
    return torch.ops.aten.tanh_backward(error, seen)  # type: ignore[no-any-return]  # an operator's result


def _forward(part: nn.Module, place: int | None, flat: torch.Tensor, given: torch.Tensor) -> torch.Tensor:
    if place is None:
        return part(given)  # type: ignore[no-any-return]  # a module's result
    weight, bias = _views(flat, part, place)
    return torch.baddbmm(bias[:, None, :], given, weight.transpose(1, 2))


def _places(parts: tuple[nn.Module, ...]) -> list[int | None]:
    """Where each linear layer's weight begins in the flat vector."""
    found: list[int | None] = []
    start = 0
    for part in parts:
        found.append(start if isinstance(part, nn.Linear) else None)
        start += sum(p.numel() for p in part.parameters())
    return found


def _views(flat: torch.Tensor, part: nn.Module, start: int) -> tuple[torch.Tensor, torch.Tensor]:
    """A layer's weights (k, out, in) and biases (k, out) as views of the flat rows."""
    rows, columns = int(part.out_features), int(part.in_features)  # type: ignore[arg-type]  # a linear layer's
    end = start + rows * columns
    return flat[:, start:end].view(flat.shape[0], rows, columns), flat[:, end : end + rows]
