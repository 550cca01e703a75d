"""Numbers in words: the same everywhere on a page, and a dash where nothing is known."""

from __future__ import annotations

import math

__all__ = [
    "UNKNOWN",
    "both_ends",
    "bytes_spoken",
    "count",
    "interval",
    "listed",
    "nth",
    "number",
    "percent",
    "points",
    "seconds",
    "short",
]

UNKNOWN = "–"
_SPACE = "\N{NO-BREAK SPACE}"


def percent(share: float | None, digits: int = 1) -> str:
    """A share of one as a percentage.

    >>> percent(0.9824).replace("\N{NO-BREAK SPACE}", " "), percent(None)
    ('98.2 %', '–')
    """
    return UNKNOWN if share is None else f"{100 * share:.{digits}f}{_SPACE}%"


def points(difference: float) -> str:
    """A difference of shares in percentage points, without its sign.

    >>> points(-0.021).replace("\N{NO-BREAK SPACE}", " ")
    '2.1 points'
    """
    return f"{abs(100 * difference):.1f}{_SPACE}points"


def number(value: float | None) -> str:
    """Any number, to three significant digits.

    >>> number(0.012345), number(1234567.0), number(4.0)
    ('0.0123', '1.23e+06', '4')
    """
    return UNKNOWN if value is None or not math.isfinite(value) else f"{value:.3g}"


def count(amount: int, noun: str) -> str:
    """How many of what.

    >>> count(1, "client"), count(4, "client")
    ('1 client', '4 clients')
    """
    return f"{amount:,} {noun}{'' if amount == 1 else 's'}"


def nth(round: int) -> int:
    """A round's number for people, who count from 1; journals and settings count from 0.

    >>> nth(0)
    1
    """
    return round + 1


def listed(words: list[str]) -> str:
    """Words as an enumeration.

    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def interval(found: tuple[float, float] | None) -> str:
    """Where a share may lie; empty where that is not known.

    >>> interval((0.0762, 0.4759)).replace("\N{NO-BREAK SPACE}", " ")
    '7.6 to 47.6 %'
    """
    return "" if found is None else f"{100 * found[0]:.1f} to {percent(found[1])}"


def seconds(value: float | None) -> str:
    """A time.

    >>> seconds(0.0123).replace("\N{NO-BREAK SPACE}", " ")
    '12.3 ms'
    """
    if value is None:
        return UNKNOWN
    return f"{value:.2f}{_SPACE}s" if value >= 1 else f"{1000 * value:.3g}{_SPACE}ms"


def short(text: str, most: int = 300) -> str:
    """A stranger's text, no longer than a page can bear.

    >>> short("abcdef", most=4)
    'abc…'
    """
    return text if len(text) <= most else text[: most - 1] + "…"


def both_ends(text: str, most: int) -> str:
    """A long name without its middle: names of one house differ at the end.

    >>> both_ends("hospital-north-003", most=12)
    'hospit…h-003'
    """
    return text if len(text) <= most else text[: most // 2] + "…" + text[len(text) - (most - 1) // 2 :]


def bytes_spoken(value: float | None) -> str:
    """A size.

    >>> bytes_spoken(2_500_000).replace("\N{NO-BREAK SPACE}", " ")
    '2.5 MB'
    """
    if value is None:
        return UNKNOWN
    unit = next((unit for unit in ("GB", "MB", "kB") if value >= _SIZES[unit]), "B")
    return f"{value / _SIZES[unit]:.3g}{_SPACE}{unit}"


_SIZES = {"GB": 1e9, "MB": 1e6, "kB": 1e3, "B": 1}
