"""The strict tables of `mithridate.core.tables`, by the name that rules, stages and plug-ins know."""

from __future__ import annotations

from mithridate.core.tables import build, fill, kebab, located, name_of, table_of

__all__ = ["build", "fill", "kebab", "located", "name_of", "table_of"]
