"""Networks that start in ways which look odd and are not: for `model = "tests.privacy.starts:NAME"`."""

from __future__ import annotations

import torch
from torch import nn

__all__ = ["zero_head"]


def zero_head(task):
    """A classifier whose only layer is 0 at the start, as in logistic regression."""
    layer = nn.Linear(int(torch.tensor(task.x.shape[1:]).prod()), task.classes)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return nn.Sequential(nn.Flatten(), layer)
