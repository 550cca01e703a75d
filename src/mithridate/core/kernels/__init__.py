"""Everything that touches all n x d numbers: one pass over column blocks, read-only memory maps welcome."""

from mithridate.core.kernels.blocks import LARGEST, blocks, refuse_unless_finite
from mithridate.core.kernels.columns import (
    column_mean_around,
    column_mean_around_median,
    column_median,
    column_signs,
    column_trimmed_mean,
)
from mithridate.core.kernels.combine import combine
from mithridate.core.kernels.gram import Geometry, geometry, portions

__all__ = [
    "LARGEST",
    "Geometry",
    "blocks",
    "column_mean_around",
    "column_mean_around_median",
    "column_median",
    "column_signs",
    "column_trimmed_mean",
    "combine",
    "geometry",
    "portions",
    "refuse_unless_finite",
]
