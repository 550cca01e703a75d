"""Where things stand in a TOML file: every key and value with its line, so that an error can name the right one.

    [guard]                                 guard                line 1
    stages = [                              guard.stages         line 2
        { name = "clip", to = "medain" },   guard.stages.0.to    line 3
    ]

tomllib reads values and forgets lines. This reads lines, and decodes nothing but keys and texts. It is for files that tomllib
has read: what that refuses, this may let pass.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field

__all__ = ["Place", "line_of", "places"]

_GAP = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_TEXT = re.compile(
    "|".join(
        [
            r'"""(?s:\\.|[^\\])*?""""{0,2}',  # up to two quotes may stand before the three that end it
            r"'''(?s:.)*?''''{0,2}",
            r'"(?:\\.|[^"\\\n])*"',
            r"'[^'\n]*'",
        ]
    )
)
_OTHER = re.compile(r"[^,\]}#\n]+")


@dataclass
class Place:
    """A table, a list or a value.

    Args:
        line: Where its key stands, from 1; None for a table that is only implied by the names of others.
        text: The value, if it is a text.
        inner: What a table holds by key, and a list by position.
    """

    line: int | None
    text: str | None = None
    inner: dict[str | int, Place] = field(default_factory=dict)


def places(text: str) -> Place | None:
    """The whole file; None where it is no TOML, or nested beyond Python's limits.

    >>> places('[a]\\nb = "x"').inner["a"].inner["b"]
    Place(line=2, text='x', inner={})
    """
    try:
        return _Reader(text).file()
    except (_Lost, tomllib.TOMLDecodeError, RecursionError):
        return None


def line_of(text: str, path: tuple[str | int, ...]) -> int | None:
    """The line of a key, by its whole path; None where it is not there.

    >>> line_of('[a]\\nb = [{ c = 1 },\\n     { c = 2 }]', ("a", "b", 1, "c"))
    3
    """
    found = places(text)
    for key in path:
        found = None if found is None else found.inner.get(key)
    return None if found is None else found.line


class _Lost(Exception):
    """This is not what TOML looks like."""


class _Reader:
    """Goes once through a text."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0
        self._line, self._counted = 1, 0

    @property
    def line(self) -> int:
        self._line += self.text.count("\n", self._counted, self.at)
        self._counted = self.at
        return self._line

    def file(self) -> Place:
        root = table = Place(None)
        while self._past(_GAP) < len(self.text):
            if self._takes("[["):
                table = self._listed(root, self.line)
            elif self._takes("["):
                table = self._table(root, self.line)
            else:
                self._pair(table)
        return root

    def _table(self, root: Place, line: int) -> Place:
        *path, last = self._keys()
        self._needs("]")
        found = _below(root, path).inner.setdefault(last, Place(line))
        found.line = line
        return found

    def _listed(self, root: Place, line: int) -> Place:
        *path, last = self._keys()
        self._needs("]]")
        all_of_them = _below(root, path).inner.setdefault(last, Place(line))
        all_of_them.inner[len(all_of_them.inner)] = found = Place(line)
        return found

    def _pair(self, table: Place) -> None:
        line = self.line
        *path, last = self._keys()
        self._needs("=")
        self._past(_SPACE)
        _below(table, path, own=True).inner[last] = self._value(line)

    def _value(self, line: int) -> Place:
        found = Place(line)
        if self._takes("["):
            while not self._closed("]"):
                found.inner[len(found.inner)] = self._value(self.line)
                self._parted("]")
        elif self._takes("{"):
            while not self._closed("}"):
                self._pair(found)
                self._parted("}")
        elif text := _TEXT.match(self.text, self.at):
            self.at = text.end()
            found.text = _read(text[0])
        else:
            self._matched(_OTHER)
        return found

    def _closed(self, bracket: str) -> bool:
        self._past(_GAP)
        return self._takes(bracket)

    def _parted(self, bracket: str) -> None:
        self._past(_GAP)
        if not self._takes(",") and not self.text.startswith(bracket, self.at):
            raise _Lost

    def _keys(self) -> list[str]:
        """A dotted key."""
        found = []
        while True:
            self._past(_SPACE)
            quoted = _TEXT.match(self.text, self.at)
            found.append(_read(self._matched(_TEXT)) if quoted else self._matched(_BARE))
            self._past(_SPACE)
            if not self._takes("."):
                return found

    def _matched(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self.text, self.at)
        if found is None:
            raise _Lost
        self.at = found.end()
        return found[0]

    def _past(self, pattern: re.Pattern[str]) -> int:
        self._matched(pattern)
        return self.at

    def _takes(self, sign: str) -> bool:
        if not self.text.startswith(sign, self.at):
            return False
        self.at += len(sign)
        return True

    def _needs(self, sign: str) -> None:
        if not self._takes(sign):
            raise _Lost


def _below(place: Place, path: list[str], *, own: bool = False) -> Place:
    """Down a path, through tables that are only implied; below a list of tables, into its last one.

    Args:
        place: Where the path begins.
        path: The keys.
        own: Whether the path is that of a pair, which never enters a list.
    """
    for key in path:
        place = place.inner.setdefault(key, Place(None))
        if not own and place.inner and all(isinstance(each, int) for each in place.inner):
            place = place.inner[len(place.inner) - 1]
    return place


def _read(text: str) -> str:
    """A quoted text without its quotes."""
    return str(tomllib.loads(f"text = {text}")["text"])
