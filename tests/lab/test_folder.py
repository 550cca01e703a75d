"""A lab's folder: made once, opened again, never taken over, and no way to end somebody else's processes."""

from __future__ import annotations

import json
import stat

import pytest

from mithridate.core.errors import ConfigurationError
from mithridate.lab.commands import Plan
from mithridate.lab.folder import STATE, made, opened


def test_what_was_made_is_opened_again(tmp_path):
    lab = made(tmp_path / "lab", Plan(nodes=2, liars=0, port=20000))
    assert opened(tmp_path / "lab") == lab
    assert lab.marker == f"MITHRIDATE_LAB={lab.word}"


def test_two_labs_have_different_markers(tmp_path):
    assert made(tmp_path / "one", Plan()).marker != made(tmp_path / "two", Plan()).marker


def test_the_folder_is_its_owners_alone(tmp_path):
    lab = made(tmp_path / "lab", Plan())
    assert [stat.S_IMODE(path.stat().st_mode) for path in (lab.root, lab.root / STATE)] == [0o700, 0o600]


def test_a_folder_with_something_in_it_is_refused(tmp_path):
    (tmp_path / "mine.txt").write_text("dear")
    with pytest.raises(ConfigurationError, match=r"holds something already: choose another folder with --folder$"):
        made(tmp_path, Plan())


def test_an_old_lab_is_refused_with_a_hint(tmp_path):
    made(tmp_path / "lab", Plan())
    with pytest.raises(ConfigurationError, match=r"mithridate lab down .* --remove"):
        made(tmp_path / "lab", Plan())


def test_no_lab_is_told(tmp_path):
    with pytest.raises(ConfigurationError, match="there is no lab here"):
        opened(tmp_path)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"word": ""}, "not 32 hexadecimal digits"),
        ({"word": "x" * 32}, "not 32 hexadecimal digits"),
        ({"word": ["a" * 32]}, "not 32 hexadecimal digits"),
        ({"form": 2}, "form 1 is understood"),
        ({"plan": {"nodes": 3}}, "the plan is not one"),
        ({"plan": {**Plan().__dict__, "nodes": "3"}}, "the plan is not one"),
        ({"plan": {**Plan().__dict__, "nodes": 0}}, "nodes must be at least 1"),
    ],
)
def test_a_state_file_that_was_tampered_with_is_refused(tmp_path, change, why):
    path = made(tmp_path / "lab", Plan()).root / STATE
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ConfigurationError, match=why):
        opened(path.parent)


def test_a_state_file_that_is_no_json_is_refused(tmp_path):
    path = made(tmp_path / "lab", Plan()).root / STATE
    path.write_text("{")
    with pytest.raises(ConfigurationError, match="not the file of a lab"):
        opened(path.parent)


def test_flwr_finds_the_superlink_over_tls(tmp_path):
    import tomllib

    lab = made(tmp_path / "with space", Plan(port=20000))
    told = tomllib.loads((lab.home("operator") / "config.toml").read_text())["superlink"]
    assert told["lab"] == {"address": "127.0.0.1:20000", "root-certificates": str(lab.keys / "ca.crt")}
    assert told["default"] == "lab"


def test_a_folder_that_flower_cannot_be_told_of_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="cannot pass on a path with quotes"):
        made(tmp_path / 'with "quotes"', Plan())
