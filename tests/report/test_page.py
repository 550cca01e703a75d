"""One self-contained page: complete, valid, safe to open, readable by everybody."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mithridate.report.facts import Facts
from mithridate.report.federation import render_federation
from mithridate.report.page import render
from mithridate.report.reading import read
from mithridate.store.run import RunFolder
from tests.report import runs

VOID = {"meta", "link", "br"}
HOSTILE = "<script>alert(1)</script>\"'&{{ 7*7 }}"


class Outline(HTMLParser):
    """Tags with their attributes, in order; complains about tags that do not match."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag


def outline(html):
    parser = Outline()
    parser.feed(html)
    parser.close()
    assert parser.open == []
    return parser.found


@pytest.fixture(scope="module")
def facts(tmp_path_factory):
    return runs.three_facts(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def html(facts):
    return render(facts)


@pytest.fixture(scope="module")
def tags(html):
    return outline(html)


def test_it_is_a_function_of_the_facts(facts, html):
    assert render(facts) == html


def test_it_begins_with_the_verdict(html):
    text = re.sub(r"<[^>]+>", "", html[html.index("<h1>") :])
    assert text.startswith("The guard held.")
    assert "98.0" in text[:200]


def test_it_asks_nothing_of_anybody(html, tags):
    for tag, attributes in tags:
        assert tag not in ("script", "iframe", "img", "object", "embed", "form", "base", "use", "image")
        for name, value in attributes.items():
            assert name not in ("src", "srcset", "style", "xlink:href"), (tag, name)
            assert not name.startswith("on")
            assert name != "href" or value == "data:," or (value or "").startswith("#")
    assert not re.search(r"url\(|@import|https?://", html)


def test_its_policy_forbids_everything_but_its_own_style(html, tags):
    policy = next(a["content"] for tag, a in tags if a.get("http-equiv") == "Content-Security-Policy")
    style = html[html.index("<style>") + 7 : html.index("</style>")]
    sha = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'sha256-{sha}'; img-src data:; base-uri 'none'; form-action 'none'"


def test_links_lead_to_parts_of_the_page(tags):
    ids = [attributes["id"] for _, attributes in tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    for _, attributes in tags:
        if (attributes.get("href") or "").startswith("#"):
            assert attributes["href"][1:] in ids


def test_headings_go_down_one_step_at_a_time(tags):
    levels = [int(tag[1]) for tag, _ in tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))


def test_pictures_have_words_and_tables_have_headers(tags):
    for tag, attributes in tags:
        if tag == "svg":
            assert attributes.get("aria-label") or attributes.get("aria-hidden") == "true"
        if tag == "th":
            assert attributes.get("scope") in ("row", "col")
        if attributes.get("role") == "region":
            assert attributes.get("aria-label")
            assert attributes.get("tabindex") == "0"


def test_every_part_is_there(html):
    for text in (
        "The runs", "Round by round", "Who was heard", "Who was left out, and why", "The attack", "What was not tested",
        "Limits", "Configuration", "only the laboratory knows", "The numbers behind the curves",
    ):  # fmt: skip
        assert text in html


def test_the_numbers_behind_the_curves_are_all_there(html):
    table = html[html.index("The numbers behind the curves") : html.index("Who was heard</h2>")]
    assert table.count('<th scope="row"') == runs.ROUNDS


def test_what_strangers_wrote_is_text_and_nothing_else(tmp_path):
    def hostile(event):
        said = {"client": HOSTILE, "reason": HOSTILE, "stage": HOSTILE, "status": "dropped"}
        return event | {"refused": HOSTILE, "clients": [*event["clients"], event["clients"][3] | said]}

    run = read([runs.write(tmp_path, "a", attacked=True, guarded=True, rounds=4, change=hostile)]).runs[0]
    settings = {**run.settings, HOSTILE: HOSTILE, "attack": {"liars": 2, "update": {"name": HOSTILE}}}
    made = {**run.made_of, "time": HOSTILE, "packages": {HOSTILE: HOSTILE}, "data": {"provenance": HOSTILE}}
    bad = replace(run, label=HOSTILE, scenario=HOSTILE, settings=settings, made_of=made, status="failed", error=HOSTILE)
    found = render(Facts((bad, run)))
    assert "<script" not in found
    assert "{{ 7*7 }}" in found
    assert "alert(1)" in found
    assert not any(tag == "script" for tag, _ in outline(found))


def test_a_large_federation_stays_below_a_megabyte(tmp_path):
    def crowd(event):
        dropped = event["clients"][3] | {
            "status": "dropped",
            "reason": "not-selected",
            "stage": "multi-krum",
            "liar": True,
        }
        more = [dropped | {"client": f"hospital-{i:04d}"} for i in range(150)]
        return event | {"clients": [*event["clients"], *more]}

    paths = [runs.write(tmp_path, f"run-{i}", attacked=True, guarded=True, rounds=150, change=crowd) for i in range(3)]
    assert len(render(read(paths)).encode()) < 1_000_000


@pytest.mark.parametrize("rounds", [0, 1])
def test_a_run_that_has_hardly_begun_has_a_page(tmp_path, rounds):
    found = render(read([runs.write(tmp_path, "a", attacked=True, guarded=True, rounds=rounds, finish=False)]))
    outline(found)
    assert "is not finished" in found


def test_figures_rates_and_foiled_lies_are_on_the_page(tmp_path):
    def told(event):
        return event | {"base_rate": 0.25, "attack_foiled": "too <few> clients" if event["round"] == 3 else None}

    run = read([runs.write(tmp_path, "a", attacked=True, guarded=True, change=told)]).runs[0]
    found = render(Facts((replace(run, made_of={**run.made_of, "test_samples": [100, 900]}),)))
    outline(found)
    found = found.replace("\N{NO-BREAK SPACE}", " ")
    assert "93.1 to 95.9 %" in found
    assert "25.0 % without trigger" in found
    assert found.count("lie not made: too &lt;few&gt; clients") == 1
    assert found.count('class="foiled-mark"') == 1
    assert "Thin dashes: how often the same samples" in found


def test_a_plain_run_speaks_of_neither(html):
    for text in ("without trigger", "lie not made", 'foiled-mark"', "Thin dashes", "Wilson’s 95"):
        assert text not in html


def test_rounds_are_counted_from_one_and_the_page_says_so(html):
    assert "Rounds are counted from 1 on this page, and from 0 in run folders, JSON and settings." in html
    table = html[html.index("The numbers behind the curves") : html.index("Who was heard</h2>")]
    assert re.findall(r'<th scope="row" class="n">(\d+)</th>', table) == [str(n) for n in range(1, runs.ROUNDS + 1)]
    assert "lied in rounds 3–12" in html


def colours(html, scheme):
    css = html[html.index("<style>") : html.index("</style>")]
    blocks = re.findall(r":root \{(.*?)\}", css, re.DOTALL)
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", blocks[("light", "dark").index(scheme)]))


def luminance(colour):
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, two):
    low, high = sorted((luminance(one), luminance(two)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize(("scheme", "ground"), list(product(("light", "dark"), ("paper", "band"))))
def test_text_can_be_read_in_both_schemes(html, scheme, ground):
    found = colours(html, scheme)
    text = [
        "ink",
        "soft",
        "held",
        "failed",
        "partly",
        "open",
        "clean",
        "bare",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
    ]
    for name in text:
        assert contrast(found[name], found[ground]) >= 4.5, name


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_marks_can_be_seen_in_both_schemes(html, scheme):
    found = colours(html, scheme)
    for name in ("dropped", "refused", "heard", "late", "clean", "bare", "one"):
        assert min(contrast(found[name], found[ground]) for ground in ("paper", "band")) >= 3, name


NUMBERS = st.none() | st.integers(-(10**30), 10**30) | st.floats(-1e300, 1e300)
SHARES = st.none() | st.sampled_from([0, 1]) | st.floats(0, 1)
TEXTS = st.none() | st.text(max_size=8)
FATES = st.fixed_dictionaries(
    {"client": st.text(max_size=4), "status": st.sampled_from(["counted", "dropped", "refused", "absent", "late"])},
    optional={
        "liar": st.none() | st.booleans(), "minority": st.none() | st.booleans(), "share": NUMBERS, "stage": TEXTS,
        "reason": TEXTS, "score": NUMBERS, "threshold": NUMBERS,
    },
)  # fmt: skip
EVENTS = st.fixed_dictionaries(
    {"clients": st.lists(FATES, max_size=5)},
    optional={
        "accuracy": SHARES, "asr": SHARES, "base_rate": SHARES, "attack_foiled": TEXTS,
        "per_class": st.lists(SHARES, max_size=3), "refused": TEXTS,
        "seconds": st.none() | st.dictionaries(st.sampled_from(["guard", "train"]), NUMBERS), "bytes_up": NUMBERS,
    },
)  # fmt: skip
VALUES = st.recursive(
    st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "rule", "f"]), inner),
    max_leaves=6,
)
KEYS = ["name", "rounds", "seed", "task", "model", "clients", "attack", "guard"]
PARTS = st.dictionaries(st.sampled_from(["liars", "update", "trigger", "schedule", "rule", "stages", "count"]), VALUES)


@settings(max_examples=25)
@given(st.lists(EVENTS, max_size=4), st.dictionaries(st.sampled_from(KEYS), VALUES | PARTS))
def test_whatever_the_journal_and_the_scenario_hold_there_is_a_page(tmp_path_factory, events, scenario):
    path = runs.write(tmp_path_factory.mktemp("run"), "a", rounds=0, finish=False)
    with RunFolder.open(path) as folder:
        for number, event in enumerate(events):
            folder.append({"event": "round", "round": number} | event)
    (run,) = read([path]).runs
    facts = Facts((replace(run, settings=scenario), replace(run, label="b")))
    outline(render(facts))
    outline(render_federation(facts))
