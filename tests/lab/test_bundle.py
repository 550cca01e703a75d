"""The app in the lab's folder, its data, and the liar's file."""

from __future__ import annotations

import subprocess
import sys
import tomllib

import numpy as np
import pytest

from mithridate.core.errors import ConfigurationError
from mithridate.deployment.app import examine_app
from mithridate.guard.policy import read_policy
from mithridate.lab.bundle import PACKAGE, Guarding, written_app, written_data, written_liar
from mithridate.lab.liar import LIES
from mithridate.sim.tasks import load


def test_the_app_is_renamed_and_names_its_parts(tmp_path):
    app = written_app(tmp_path / "app", Guarding(tmp_path / "record"))
    project = tomllib.loads((app / "pyproject.toml").read_text())
    assert project["tool"]["flwr"]["app"]["components"] == {
        "serverapp": "labapp.server_app:app",
        "clientapp": "labapp.client_app:app",
    }
    assert "mithridate.lab.app" not in "".join(path.read_text() for path in (app / PACKAGE).glob("*.py"))


def test_the_guard_and_its_record_are_in_one_of_the_two(tmp_path):
    told = {}
    for name, guarding in (("app", Guarding(tmp_path / "record")), ("bare", None)):
        folder = written_app(tmp_path / name, guarding)
        project = tomllib.loads((folder / "pyproject.toml").read_text())
        policy = read_policy((folder / PACKAGE / "policy.toml").read_text())
        told[name] = project["tool"]["flwr"]["app"]["components"]["serverapp"], policy.record.folder
    assert told == {
        "app": ("labapp.server_app:app", str(tmp_path / "record")),
        "bare": ("labapp.server_app:bare", None),
    }


def test_the_doctor_tells_the_two_apart(tmp_path):
    guarded, bare = (
        {each.name for each in examine_app(written_app(tmp_path / name, guarding))}
        for name, guarding in (("a", Guarding(tmp_path)), ("b", None))
    )
    assert not {"app-unguarded", "client-unguarded"} & guarded
    assert bare >= {"app-unguarded", "client-unguarded"}


def test_every_key_that_the_app_reads_is_declared(tmp_path):
    import re

    app = written_app(tmp_path / "app", Guarding(tmp_path / "record"))
    read = set(
        re.findall(r'\bconfig\["([\w-]+)"\]', "".join(path.read_text() for path in (app / PACKAGE).glob("*.py")))
    )
    declared = set(tomllib.loads((app / "pyproject.toml").read_text())["tool"]["flwr"]["app"]["config"])
    assert read == declared


def test_flower_finds_nothing_wrong_with_the_app(tmp_path):
    config_utils = pytest.importorskip("flwr.cli.config_utils")
    config, warnings = config_utils.load_and_validate(written_app(tmp_path / "app", None) / "pyproject.toml")
    assert warnings == []
    assert config["project"]["name"] == PACKAGE


def test_the_data_is_the_tasks(tmp_path):
    written_data(tmp_path / "data.npz", "digits")
    there, known = load("npz", str(tmp_path / "data.npz")), load("digits")
    assert np.array_equal(there.x, known.x)
    assert np.array_equal(there.y_test, known.y_test)


def test_data_that_the_lab_does_not_know_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="not 'cifar'"):
        written_data(tmp_path / "data.npz", "cifar")


@pytest.mark.parametrize(("argument", "bent"), [("flwr-clientapp", True), ("flower-supernode", False)])
def test_only_the_process_that_runs_the_app_is_bent(tmp_path, argument, bent):
    pytest.importorskip("flwr")
    folder = written_liar(tmp_path / "liar", "reverse")
    code = "from flwr.clientapp import ClientApp; print(ClientApp.train.__module__)"
    import os

    told = subprocess.run(  # noqa: S603 - our own interpreter and code
        [sys.executable, "-c", code, argument],
        env=os.environ | {"PYTHONPATH": f"{folder}:{os.pathsep.join(sys.path)}"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert (told.strip() == "mithridate.lab.liar") == bent


def test_the_lie_is_a_word_in_a_file(tmp_path):
    assert (written_liar(tmp_path / "liar", "nan") / "lie").read_text() in LIES
