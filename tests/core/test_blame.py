"""The line that an error names is the one to mend, or none is named."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mithridate.core.blame import located
from mithridate.core.errors import ConfigurationError
from mithridate.guard.spec import parse
from mithridate.sim.scenario import parse_scenario

HEAD = """name = "count"
rounds = 3
# count = 1, cuont = 2, f = 3
[training]
steps = 1
[clients]
count = 10
"""


def line(text, parser=parse_scenario):
    with pytest.raises(ConfigurationError) as caught:
        parser(text, "s.toml")
    found = str(caught.value)
    place = found.split(": ")[0]
    assert place.startswith("s.toml")
    return int(place.removeprefix("s.toml:")) if ":" in place else None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # the same key in two tables: only one of them is wrong
        ("[task]\nlimit = 10\n[admission]\nlimit = 10", 4),
        ("[model]\nhidden = [4]\n[training]\nhidden = [4]", 4),
        ('[guard]\nstages = [{ name = "nearest-neighbour-mixing", f = 2 }]\nrule = { name = "krum", f = 2.5 }', 3),
        ('[attack]\nliars = 1\nupdate = "mean"\n[guard]\nrule = "mean"', 3),
        ('[guard]\nrule = "mean"\n[attack]\nliars = 1\nupdate = "mean"', 5),
        # the word stands earlier in a text, a comment or a key
        ('name = "cuont"\n[clients]\ncuont = 3', 3),
        ("# cuont\n[clients] # cuont\ncuont = 3", 3),
        ('name = """\n[clients]\ncuont = 3"""\n[clients]\ncuont = 3', 5),
        ('[guard]\nrule = "krum"\nstages = [{ name = "krum" }]', 2),  # 'f' is missing: the rule's line
        # inside lists and inline tables over many lines
        ('[guard]\nrule = "mean"\nstages = [\n  { name = "clip", to = 1.0 },\n  { name = "clip", too = 1.0 },\n]', 5),
        ('[guard]\nrule = "mean"\nstages = [\n  { name = "clip", to = 1.0 },\n  { name = "clap", to = 1.0 },\n]', 5),
        (
            '[guard]\nrule = "mean"\nstages = [\n  { name = "clip", to = "median" },\n  { name = "clip", to = "medain" },\n]',
            5,
        ),
        (
            '[[guard.stages]]\nname = "clip"\nto = 1.0\n[[guard.stages]]\nname = "clip"\nto = "x"\n[guard]\nrule = "mean"',
            6,
        ),
        # dotted keys and tables in pieces
        ('guard.rule.name = "krum"\nguard.rule.f = 2.5', 2),
        ('[guard.rule]\nname = "krum"\nf = 2.5', 3),
        ('[guard.rule]\nname = "krum"', 1),
        ('"guard" = { "rule" = { "name" = "krum", "f" = 2.5 } }', 1),
        ('[attack]\nliars = 2\n\n[attack.trigger]\nname = "patch"\n', 4),
        # values, not keys
        ('[task]\nname = "mnits"', 2),
        ('[clients]\ncount = 5\npartition = { alpha = 1.0, name = "dirichlit" }', 3),
        ('[server]\noptimiser = "sdg"', 2),
        ("seed = 1.5", 1),
        ("[clients]\ncount = true", 2),
        ("[training]\nlr = -1.0", 2),
        # nothing to point at
        ("[clients]\ncount = 3\n[attack]\nliars = 5\nupdate = 'zero'", None),
    ],
)
def test_it_is_the_line_to_mend(text, expected):
    assert line(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[guard]\nrule = 'mean'\nrules = 'mean'", 3),
        ("[gard]\nrule = 'mean'\n[guard]\nrule = 'median'", 1),
        ("[guard]\nrule = 'mean'\nstages = 'mean'", 3),
        ("# just a comment", None),
        ("guard = 3", None),
    ],
)
def test_a_policys_path_begins_in_its_only_table(text, expected):
    assert line(text, parse) == expected


@pytest.mark.parametrize(
    "message",
    [
        "[nowhere] unknown key 'count'",
        "[clients] partition: dirichlet: unknown key 'count'",  # there is no partition
        "[clients] unknown key 'steps'",  # it stands in [training]
        "[clients] count: iid: 'alpha' is missing",  # another value than the file's
        "unknown key 'count'",
        "unknown key 'f'",
        "stage 1: clip: to: expected a number",
        "something else altogether, about 'count'",
        "what 'steps': is this?",
    ],
)
def test_what_does_not_stand_where_the_message_says_has_no_line(message):
    assert located(message, HEAD, "s.toml") == f"s.toml: {message}"


@pytest.mark.parametrize(
    ("message", "number"),
    [
        ("[clients] count must be at least 1", 7),
        ("[clients] 'seeds' is missing", 6),
        ("'rounds' must be a whole number, not 'count'", 2),
        ("[training] local_steps must be positive", 4),  # no such key: the table
    ],
)
def test_what_does_has_one(message, number):
    assert located(message, HEAD, "s.toml") == f"s.toml:{number}: {message}"


def test_quotes_within_a_key_are_no_obstacle():
    assert line('"it\'s" = 1') == 1


def test_a_file_that_cannot_be_read_has_no_lines():
    assert located("[a] unknown key 'b'", "[a\nb = 1", "s.toml") == "s.toml: [a] unknown key 'b'"


@given(st.text(), st.text())
def test_whatever_is_said_about_whatever_it_is_said_and_nothing_breaks(message, text):
    found = located(message, text, "s.toml")
    assert found.startswith("s.toml:")
    assert found.endswith(f": {message}")
