"""The page of a real federation: what its operator needs, and nothing that nobody measured."""

from __future__ import annotations

import re

import pytest

from mithridate.report.facts import Facts
from mithridate.report.federation import federation_page, render_federation
from mithridate.report.reading import read
from mithridate.store.run import RunFolder
from tests.report import runs
from tests.report.test_page import HOSTILE, outline
from tests.venues.recorded import FAR, FLAKY, NAN, POLICY, recorded


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return recorded(tmp_path_factory.mktemp("federation"))


@pytest.fixture(scope="module")
def html(folder):
    return render_federation(read([folder]))


def text_of(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<style>.*?</style>|<[^>]+>", " ", html, flags=re.DOTALL))


def test_it_is_valid_asks_nothing_and_is_a_function_of_the_facts(folder, html):
    tags = outline(html)
    assert not [tag for tag, _ in tags if tag in ("script", "link", "img", "iframe")] or [
        attributes["href"] for tag, attributes in tags if tag == "link"
    ] == ["data:,"]
    assert render_federation(read([folder])) == html


def test_it_says_what_came_of_the_rounds_and_names_whom_the_guard_leaves_out(folder, html):
    page = federation_page(read([folder]))
    assert page.headline == "All 6 rounds came to a new model."
    assert page.state == ("done", "Finished")
    (said,) = [told for _, told in page.told]
    assert FAR in said
    assert NAN in said
    assert "Of 70 updates that arrived, 24 were left out (34.3" in said
    assert dict(page.sections[0].figures)["borne"] == "2 liars among 12 clients; nothing is proven beyond that"


def test_who_did_not_answer_is_listed_with_the_rounds(folder):
    (section,) = federation_page(read([folder])).sections
    (flaky,) = [record for record in section.odd if record.client == FLAKY]
    assert not flaky.excluded
    assert len(flaky.rounds["absent"]) == 2
    assert {record.kind for record in section.odd} == {"unknown"}


def test_nothing_is_said_of_lies_rates_or_accuracy(html):
    text = text_of(html)
    for word in ("lying", "lied in", "Nobody lied", "true positive", "laboratory knows", "harmed", "attack success"):
        assert word not in text, word
    assert "quality of the model not measured here" in text
    assert "Nobody knows here who lies" in text


def test_what_clients_report_is_shown_as_claims(folder, html):
    names = [(claim.name, claim.when) for claim in read([folder]).runs[0].claims]
    assert names == [("train_loss", "training"), ("loss", "evaluation")]
    assert "These are claims" in text_of(html)


def test_a_run_that_goes_on_or_failed_says_so(tmp_path):
    begun = recorded(tmp_path / "one", rounds=1)
    assert federation_page(read([begun])).headline == "The one round came to a new model."
    refusing = POLICY.replace("quorum = 3", "quorum = 12\non-refusal = 'stop'")
    with pytest.raises(Exception, match="short of the quorum"):
        recorded(tmp_path / "two", policy=refusing)
    (stopped,) = (tmp_path / "two").glob("federation-*")
    page = federation_page(read([stopped]))
    assert page.state == ("failed", "Failed")
    assert page.headline == "None of 1 round came to a new model."
    assert page.sections[0].without == (("1", "the model stayed as it was: short of the quorum: 11 of 12"),)
    assert "The run failed after 1 round: RunStopped" in page.told[0][1]


def test_a_round_decided_by_the_rule_that_stepped_in_is_told_apart(tmp_path):
    policy = POLICY.replace("f = 2 }", "f = 5 }").replace(
        "quorum = 3", "on-refusal = 'fall-back'\nfall-back = 'median'"
    )
    (section,) = federation_page(read([recorded(tmp_path, rounds=2, policy=policy)])).sections
    assert dict(section.figures)["rounds"] == "2, of which 2 came to a new model (2 by the rule that stepped in)"
    ((numbers, why),) = section.without
    assert numbers == "1–2"
    assert why.startswith("another rule stepped in: MultiKrum(f=5")
    assert any("rounds of 12 rows are refused" in caution for caution in section.cautions)


def test_several_runs_stand_beside_each_other(folder, tmp_path):
    page = federation_page(read([folder, recorded(tmp_path, rounds=2)]))
    assert len(page.sections) == len(set(page.tones)) == 2
    outline(render_federation(read([folder, folder])))


def test_strangers_names_and_claims_are_escaped(tmp_path):
    run = runs.write(tmp_path, "hostile", guarded=True, change=_hostile)
    (found,) = read([run]).runs
    html = render_federation(Facts((found,)))
    outline(html)
    assert "<script>" not in html
    assert "49" not in re.findall(r"\{\{ 7\*7 \}\}|49", text_of(html))


def _hostile(event):
    clients = [fate | {"client": HOSTILE, "liar": None, "reason": HOSTILE} for fate in event["clients"][:1]]
    return event | {"clients": clients, "metrics": {HOSTILE: 1.0}}


def test_a_folder_that_says_it_is_a_federation_is_one(folder, tmp_path):
    assert read([folder]).runs[0].real
    assert not read([runs.write(tmp_path, "clean")]).runs[0].real
    assert RunFolder.open(folder).manifest["venue"] == "federation"
