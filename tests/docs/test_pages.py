"""What the pages show is true: their code runs, their TOML parses, their commands exist, their links lead somewhere."""

from __future__ import annotations

import re
import tomllib

import pytest

from mithridate import dump, parse
from mithridate.cli.axes import variants
from mithridate.cli.documents import Document
from mithridate.guard.policy import read_policy
from mithridate.guard.spec import TABLES
from mithridate.identity.enrolment import parse_enrolment
from mithridate.sim.scenario import dump_scenario, parse_scenario
from tests.docs.pages import BLOCKS, PAGES, ROOT, blocks_of

LINK = re.compile(r"\]\((?!https?://|#|mailto:)([^)#\s]+)")
LANGUAGES = {"python", "toml", "console", "text"}


def of(language):
    return [block for block in BLOCKS if block.language == language]


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_a_block_names_a_language_that_is_checked_or_plain_text(block):
    assert block.language in LANGUAGES, f"{block}: {block.language!r}"


@pytest.mark.parametrize("block", of("python"), ids=str)
def test_python_runs(block):
    # The blank lines before it make a traceback point at the page's own line.
    code = compile("\n" * (block.line - 1) + block.text, str(block.page), "exec", dont_inherit=True)
    exec(code, {"__name__": "page"})  # noqa: S102 - our own pages


@pytest.mark.parametrize("block", of("toml"), ids=str)
def test_toml_is_what_it_looks_like_and_comes_back(block):
    tables = set(tomllib.loads(block.text))
    if {"client", "organisations"} <= tables:
        assert parse_enrolment(block.text, str(block)).clients
    elif tables <= set(TABLES):
        policy = read_policy(block.text, str(block))
        assert policy.guard is None or parse(dump(policy.guard)) == policy.guard
    elif "sweep" in tomllib.loads(block.text):
        for each in variants(Document.of(block.text, str(block))):
            assert parse_scenario(dump_scenario(each.scenario)) == each.scenario
    else:
        scenario = parse_scenario(block.text, str(block))
        assert parse_scenario(dump_scenario(scenario)) == scenario


@pytest.mark.parametrize("block", of("console"), ids=str)
def test_commands_exist(block):
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for line in block.text.splitlines():
        program, *rest = re.sub(r"\s+#.*", "", line).split()
        while "=" in program:
            program, *rest = rest
        if program == "make":
            assert rest[0] in targets, f"{block}: make has no target {rest[0]!r}"
        else:
            assert program == "mithridate", f"{block}: {program!r} is neither make nor mithridate"
            assert rest[0] in verbs(), f"{block}: there is no verb {rest[0]!r}"


def verbs():
    """The verbs of the command line, as it lists them itself."""
    import typer

    from mithridate.cli.app import app

    return set(typer.main.get_command(app).commands)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page):
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"{page.relative_to(ROOT)}: {target} is not there"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_fence_is_closed(page):
    fences = re.findall(r"^`{3,}", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(fences) == 2 * len(blocks_of(page))


def test_every_decision_is_listed():
    folder = ROOT / "docs" / "decisions"
    listed = (folder / "README.md").read_text(encoding="utf-8")
    for record in folder.glob("[0-9]*.md"):
        assert f"({record.name})" in listed
        text = record.read_text(encoding="utf-8")
        assert text.startswith(f"# {record.name[:4]}: ")
        assert all(f"\n## {part}\n" in text for part in ("Context", "Decision", "Consequences"))
