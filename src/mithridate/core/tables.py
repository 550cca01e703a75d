"""From a TOML table to a frozen value and back: strict, with suggestions, driven by the value's own fields."""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import date
from typing import Any

from mithridate.core.blame import located
from mithridate.core.errors import ConfigurationError, UnknownName, suggestion

__all__ = ["build", "fill", "kebab", "located", "name_of", "table_of"]


def build(kind: str, classes: Mapping[str, type], table: Any, where: str = "") -> Any:
    """The value that a table names: `{name = "krum", f = 2}`, or just `"krum"`.

    Args:
        kind: What is being named, for messages ("rule").
        classes: The dataclasses to choose from, by kebab-case name.
        table: A mapping with `name` and the class's fields in kebab-case, or the name alone.
        where: Prefix of every message, such as "policy.toml: [guard] rule: ".

    Raises:
        ConfigurationError: an unknown name or key, a missing key, a wrong type or a value out of range.

    A field whose type is a protocol holds parts of the same kind: `{name = "switch", attacks = ["zero", {name = "ipm"}]}`.

    >>> from dataclasses import make_dataclass
    >>> rules = {"krum": make_dataclass("Krum", [("f", int)])}
    >>> build("rule", rules, {"name": "krum", "f": 2})
    Krum(f=2)
    """
    if isinstance(table, str):
        table = {"name": table}
    if not isinstance(table, Mapping):
        raise ConfigurationError(f'{where}a {kind} is a name or a table {{ name = "..." }}, not {table!r}')
    if "name" not in table:
        raise ConfigurationError(f"{where}the {kind} has no name; known: {', '.join(sorted(classes))}")
    name = table["name"]
    if not isinstance(name, str) or name not in classes:
        raise UnknownName(kind, str(name), classes, where)
    rest = {key: value for key, value in table.items() if key != "name"}
    return fill(classes[name], rest, f"{where}{name}: ", (kind, classes))


def fill(
    cls: type,
    table: Any,
    where: str = "",
    parts: tuple[str, Mapping[str, type]] | None = None,
    built: Mapping[str, Any] | None = None,
) -> Any:
    """A dataclass from a table of its fields: unknown keys, missing keys and wrong types are errors.

    Args:
        cls: The dataclass.
        table: Its fields in kebab-case.
        where: Prefix of every message.
        parts: (kind, classes) of what fields that are typed by a protocol hold.
        built: Fields whose value is made already, by kebab-case name; the table must not hold them.
    """
    if not isinstance(table, Mapping):
        raise ConfigurationError(f"{where}expected a table, not {table!r}")
    hints = typing.get_type_hints(cls)
    known = {kebab(f.name): f for f in fields(cls) if f.init}
    for key in table:
        if key not in known:
            raise ConfigurationError(f"{where}unknown key {key!r}{suggestion(key, known)}")
    arguments = {known[key].name: value for key, value in (built or {}).items()}
    for key, declared in known.items():
        if declared.name in arguments:
            continue
        if key in table and parts is not None and (several := _nested(hints[declared.name])) is not None:
            arguments[declared.name] = _parts(table[key], key, *parts, where, several=several)
        elif key in table:
            arguments[declared.name] = _checked(table[key], hints[declared.name], f"{where}{key}: ")
        elif declared.default is MISSING and declared.default_factory is MISSING:
            raise ConfigurationError(f"{where}{key!r} is missing")
    try:
        return cls(**arguments)
    except ConfigurationError as error:
        raise ConfigurationError(f"{where}{error}") from error


def table_of(value: Any) -> dict[str, Any]:
    """The table that `build` turns into an equal value; fields at their default are left out."""
    return {"name": name_of(value)} | {
        kebab(f.name): _plain(getattr(value, f.name))
        for f in fields(value)
        if f.init and getattr(value, f.name) is not None and getattr(value, f.name) != _default(f)
    }


def name_of(value: Any) -> str:
    """The kebab-case name of a rule, stage or attack: its card's, else its class's."""
    card = getattr(value, "card", None)
    return str(card.name) if card is not None else kebab(type(value).__name__)


def kebab(name: str) -> str:
    """snake_case or CamelCase as kebab-case."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).replace("_", "-").lower()


def _nested(hint: Any) -> bool | None:
    """Whether a field of this type holds several parts (True) or one (False); None if it holds none."""
    inner = typing.get_args(hint)
    several = typing.get_origin(hint) is tuple and len(inner) == 2 and inner[1] is ...
    return several if getattr(inner[0] if several else hint, "_is_protocol", False) else None


def _parts(value: Any, key: str, kind: str, classes: Mapping[str, type], where: str, *, several: bool) -> Any:
    if not several:
        return build(kind, classes, value, f"{where}{key}: ")
    if not isinstance(value, list | tuple):
        raise ConfigurationError(f'{where}{key}: expected a list, such as ["{min(classes)}"], not {value!r}')
    one = key.removesuffix("s")
    return tuple(build(kind, classes, item, f"{where}{one} {i}: ") for i, item in enumerate(value, 1))


def _checked(value: Any, hint: Any, where: str) -> Any:
    options = typing.get_args(hint) if typing.get_origin(hint) in (typing.Union, types.UnionType) else (hint,)
    for option in options:
        found = _as(value, option)
        if found is not MISSING:
            return found
    raise ConfigurationError(f"{where}expected {_spoken(hint)}, not {value!r}{_near(value, options)}")


def _as(value: Any, hint: Any) -> Any:
    """The value as the hinted type, or MISSING."""
    origin = typing.get_origin(hint)
    if origin is typing.Literal:
        return value if any(value == a and type(value) is type(a) for a in typing.get_args(hint)) else MISSING
    if origin is tuple:
        if not isinstance(value, list | tuple):
            return MISSING
        inner = typing.get_args(hint)
        each = [inner[0]] * len(value) if len(inner) == 2 and inner[1] is ... else list(inner)
        if len(each) != len(value):
            return MISSING
        found = tuple(_as(item, kind) for item, kind in zip(value, each, strict=True))
        return MISSING if any(item is MISSING for item in found) else found
    if hint is float and type(value) is int:
        return float(value) if abs(value) < 2**1023 else MISSING
    return value if isinstance(hint, type) and type(value) is hint else MISSING


def _near(value: Any, options: tuple[Any, ...]) -> str:
    words = [a for o in options if typing.get_origin(o) is typing.Literal for a in typing.get_args(o)]
    return suggestion(value, words) if isinstance(value, str) and words else ""


def _spoken(hint: Any) -> str:
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_spoken(a) for a in typing.get_args(hint) if a is not type(None))
    if origin is typing.Literal:
        return " or ".join(repr(a) for a in typing.get_args(hint))
    if origin is tuple:
        return f"a list of {_spoken(typing.get_args(hint)[0])}"
    words = {
        int: "a whole number",
        float: "a number",
        str: "a text",
        bool: "true or false",
        date: "a date (2026-05-04)",
    }
    return words.get(hint, getattr(hint, "__name__", str(hint)))


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return table_of(value) if is_dataclass(value) else value


def _default(declared: Field[Any]) -> Any:
    return declared.default_factory() if declared.default_factory is not MISSING else declared.default
