"""Which line of a file an error is about, worked out from the path that the message itself begins with.

    [guard] stage 1: clip: to: expected a number or 'median', not 'medain'
    table   place    name  key  complaint

Every part of the path must be found where it should stand, and the last one tells the line. Where anything is missing or
open, no line is named: none is better than a wrong one.
"""

from __future__ import annotations

import re

from mithridate.core.places import Place, places

__all__ = ["located"]

_TABLE = re.compile(r"\[([\w.-]+)\] ")
_STEP = re.compile(r"([\w-]+)(?: (\d+))?: ")
_UNKNOWN = re.compile(r"unknown ([\w -]+?) (?:'([^']*)'|\"([^\"]*)\")")
_ABSENT = re.compile(r"'[^']*' is missing|the [\w -]+ has no name|expected ")
_QUOTED = re.compile(r"'([^']*)'|\"([^\"]*)\"")
_FIRST = re.compile(r"([\w-]+) must ")


def located(message: str, text: str, where: str, table: str = "") -> str:
    """Put `file:line` before a message, or the file alone where the line is not certain.

    Args:
        message: As `core.tables` and those who call it write it, with the path first.
        text: The file.
        where: The file's name.
        table: The table that the path begins in; empty for the whole file.

    >>> located("[b] unknown key 'f'", "[a]\\nf = 1\\n[b]\\nf = 2", "x.toml")
    "x.toml:4: [b] unknown key 'f'"
    """
    root = places(text)
    start = root.inner.get(table) if table and root is not None else root
    line = None if start is None else _line(message, start)
    return f"{where}: {message}" if line is None else f"{where}:{line}: {message}"


def _line(message: str, place: Place) -> int | None:
    begun = _TABLE.match(message)
    walked = begun is not None
    if begun is not None:
        for key in begun[1].split("."):
            if key not in place.inner:
                return None
            place = place.inner[key]
        message = message[begun.end() :]
    while step := _STEP.match(message):
        inner = _step(place, step[1], step[2])
        if inner is None:
            return None
        place, walked, message = inner, True, message[step.end() :]
    return _complaint(message, place, walked=walked)


def _step(place: Place, word: str, number: str | None) -> Place | None:
    """One step of the path: a key, a numbered item of the list of that name, or the name that a table or text gives."""
    if number is not None:
        items = place.inner.get(f"{word}s", place.inner.get(word))
        return None if items is None else items.inner.get(int(number) - 1)
    if word in place.inner:
        return place.inner[word]
    return place if _named(place) is not None and _named(place) == word else None


def _named(place: Place) -> str | None:
    """What `name = ...` says, or the text that stands for the whole table."""
    name = place.inner.get("name")
    return place.text if name is None else name.text


def _complaint(said: str, place: Place, *, walked: bool) -> int | None:
    own = place.line if walked else None
    if unknown := _UNKNOWN.match(said):
        word = unknown[2] if unknown[2] is not None else unknown[3]
        if unknown[1] in ("key", "table"):
            return _line_of_key(place, word)
        name = place.inner.get("name", place)
        return name.line if name.text == word else None
    if _ABSENT.match(said):
        return own
    first = _FIRST.match(said)
    words = [first[1].replace("_", "-")] if first else [one or other for one, other in _QUOTED.findall(said)[:1]]
    found = next((line for word in words if (line := _line_of_key(place, word)) is not None), None)
    return own if found is None else found


def _line_of_key(place: Place, key: str) -> int | None:
    found = place.inner.get(key)
    return None if found is None else found.line
