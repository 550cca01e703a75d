"""Lines of keys, held to what tomllib reads."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mithridate.core.places import line_of, places

TRICKY = '''# f = 0
f = 1
"quoted key" = 2   # [guard]
text = """
[guard]
f = 3
two quotes at the end"""""
raw = \'\'\'
rule = "x" \\\'\'\'
a.b . "c.d" = 4
when = 2020-01-01 10:00:00

[guard] # rule = "no"
rule = { name = "krum", f = 5, of = [
    1, # ]
    [2, 3],
] }
stages = [
    # { name = "clip" }
    { name = "clip", to = "medain" },

    # and
    { name = "clip", to = 2.0 } , ]

[ guard . inner ]
f = 6
[[list]]
f = 7
[[list]]
f = 8
[list.below]
f = 9
[list.below.more]
[[list.below.deep]]
f = 10
'''


def shape(value):
    """The keys of a table and the positions of a list."""
    if isinstance(value, list):
        value = dict(enumerate(value))
    return {key: shape(inner) for key, inner in value.items()} if isinstance(value, dict) else {}


def found_shape(place):
    return {key: found_shape(inner) for key, inner in place.inner.items()}


def texts(value, path=()):
    if isinstance(value, list):
        value = dict(enumerate(value))
    if isinstance(value, dict):
        return {k: v for key, inner in value.items() for k, v in texts(inner, (*path, key)).items()}
    return {path: value} if isinstance(value, str) else {}


def found_texts(place, path=()):
    own = {path: place.text} if place.text is not None else {}
    return own | {k: v for key, inner in place.inner.items() for k, v in found_texts(inner, (*path, key)).items()}


def test_everything_tomllib_reads_is_found_and_nothing_else():
    assert found_shape(places(TRICKY)) == shape(tomllib.loads(TRICKY))
    assert found_texts(places(TRICKY)) == texts(tomllib.loads(TRICKY))


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("f",), 2),
        (("quoted key",), 3),
        (("text",), 4),
        (("raw",), 8),
        (("a",), None),  # only implied
        (("a", "b", "c.d"), 10),
        (("when",), 11),
        (("guard",), 13),
        (("guard", "rule"), 14),
        (("guard", "rule", "f"), 14),
        (("guard", "rule", "of", 1, 0), 16),
        (("guard", "stages"), 18),
        (("guard", "stages", 0, "to"), 20),
        (("guard", "stages", 1, "name"), 23),
        (("guard", "stages", 1, "to"), 23),
        (("guard", "inner"), 25),
        (("guard", "inner", "f"), 26),
        (("list",), 27),
        (("list", 0, "f"), 28),
        (("list", 1, "f"), 30),
        (("list", 1, "below", "f"), 32),
        (("list", 1, "below", "deep", 0, "f"), 35),
        (("list", 0, "below"), None),  # it stands below the second
        (("guard", "nothing"), None),
    ],
)
def test_a_path_has_its_own_line(path, line):
    assert line_of(TRICKY, path) == line


def test_windows_line_ends_do_not_count_twice():
    assert line_of("a = 1\r\n[b]\r\nc = [\r\n  { d = 1 }]\r\n", ("b", "c", 0, "d")) == 4


def test_an_inline_table_over_several_lines_is_read_as_toml_1_1_allows():
    assert line_of("a = [\n{ b = 1,\n  c = 2, # }\n}, { b = 3 }]", ("a", 0, "c")) == 3


def test_a_table_that_is_defined_after_its_parts_has_its_own_line():
    assert line_of("[a.b]\nc = 1\n[a]\nd = 2", ("a",)) == 3


@pytest.mark.parametrize("text", ["a", "a =", "[a", "a = {b = 1", 'a = "\\q"', "= 1", "a = " + "[" * 5000])
def test_what_is_no_toml_has_no_places(text):
    assert places(text) is None
    assert line_of(text, ("a",)) is None


KEYS = st.text("ab#=[]'\". \\", min_size=1, max_size=4) | st.sampled_from(["f", "name", "to"])
VALUES = st.recursive(
    st.integers() | st.booleans() | st.text("ab#=[]{},'\"\n\\", max_size=6) | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


def quoted(text):
    escapes = {"\\": "\\\\", '"': '\\"', "\n": "\\n"}
    return '"' + "".join(escapes.get(sign, sign) for sign in text) + '"'


def written(value, gap):
    """TOML in which every list is spread over lines, with comments between."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return quoted(value)
        case list():
            return "[" + gap + "".join(f"{written(item, gap)}{gap}, {gap}" for item in value) + "]"
        case dict():
            return "{ " + ", ".join(f"{quoted(key)} = {written(item, gap)}" for key, item in value.items()) + " }"
    return repr(value)


@given(st.dictionaries(KEYS, st.dictionaries(KEYS, VALUES, max_size=4), max_size=4), st.sampled_from(["", " # ]}\n\n"]))
def test_every_key_of_any_file_is_found_on_the_line_it_was_written_to(document, gap):
    lines, where = [], {}
    for table, pairs in document.items():
        lines.append(f"[{quoted(table)}]")
        where[table,] = sum(line.count("\n") + 1 for line in lines)
        for key, value in pairs.items():
            where[table, key] = sum(line.count("\n") + 1 for line in lines) + 1
            lines.append(f"{quoted(key)} = {written(value, gap)}")
    text = "\n".join(lines)
    assert tomllib.loads(text) == document
    assert found_shape(places(text)) == shape(document)
    assert found_texts(places(text)) == texts(document)
    assert {path: line_of(text, path) for path in where} == where
