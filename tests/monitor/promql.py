"""Which metrics and labels a PromQL expression names: a reading of its words, not of its meaning."""

from __future__ import annotations

import re
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""(?P<text>"[^"]*"|'[^']*')|(?P<range>\[[^\]]*\])|(?P<number>\d[\w.]*)|(?P<word>[A-Za-z_:][\w:]*)|(?P<sign>=~|!~|!=|[^\s\w])""",
    re.VERBOSE,
)
_GROUPING = {"by", "without", "on", "ignoring", "group_left", "group_right"}
_WORDS = {"and", "or", "unless", "bool", "offset"}


@dataclass(frozen=True)
class Selected:
    """One metric in an expression, with its matchers: (label, operator, text)."""

    name: str
    matchers: tuple[tuple[str, str, str], ...] = ()


def tokens(expression: str) -> list[tuple[str, str]]:
    """Kind and text of every token.

    >>> tokens('rate(a{b="c"}[5m])')[:5]
    [('word', 'rate'), ('sign', '('), ('word', 'a'), ('sign', '{'), ('word', 'b')]
    """
    return [(str(found.lastgroup), found[0]) for found in _TOKEN.finditer(expression)]


def selected(expression: str) -> list[Selected]:
    """Every metric that the expression reads.

    >>> [each.name for each in selected('sum by (le) (rate(a_total{b=~"c|d"}[5m])) / ignoring (x) b > 2e3')]
    ['a_total', 'b']
    """
    found, rest = [], tokens(expression)
    while rest:
        kind, text = rest.pop(0)
        after = rest[0][1] if rest else ""
        if kind != "word" or text in _WORDS:
            continue
        if text in _GROUPING:
            if after == "(":
                del rest[: [token for _, token in rest].index(")") + 1]
        elif after == "{":
            end = [token for _, token in rest].index("}")
            found.append(Selected(text, _matchers(rest[1:end])))
            del rest[: end + 1]
        elif after not in ("(", *_GROUPING):
            found.append(Selected(text))
    return found


def grouped(expression: str) -> set[str]:
    """The labels by which the expression groups, joins or sums.

    >>> sorted(grouped("sum by (le, rule) (a) / on (job) b"))
    ['job', 'le', 'rule']
    """
    listed = re.findall(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)", expression)
    return {label.strip() for each in listed for label in each.split(",") if label.strip()}


def _matchers(inside: list[tuple[str, str]]) -> tuple[tuple[str, str, str], ...]:
    parts = [text for _, text in inside if text != ","]
    return tuple((parts[i], parts[i + 1], parts[i + 2][1:-1]) for i in range(0, len(parts), 3))
