"""The quickstart is a Flower app as Flower wants it, and does what its page says."""

from __future__ import annotations

import subprocess
import sys
import tomllib

import pytest

from mithridate.flower.folder import AppFolder
from tests.cli.command import said
from tests.docs.pages import ROOT

APP = ROOT / "examples" / "flower-quickstart"


def test_flower_accepts_the_folder():
    from flwr.common.config import validate_config

    document = tomllib.loads((APP / "pyproject.toml").read_text())
    assert validate_config(document, check_module=True, project_dir=APP) == (True, [], [])


def test_the_guard_is_two_lines():
    lines = (APP / "quickstart" / "server_app.py").read_text().splitlines()
    assert [line for line in lines if "mithridate" in line or "guard" in line.partition('"""')[0]] == [
        "from mithridate.flower import guard_app",
        'app = guard_app(app, "policy.toml")',
    ]
    assert "mithridate" not in (APP / "quickstart" / "client_app.py").read_text()


def test_it_runs_at_once_and_leaves_the_liar_out(capsys):
    pytest.importorskip("pureml")
    config = "num-server-rounds=2 samples-per-client=60 fraction-evaluate=0.2"
    found = said(
        capsys, "flower", APP, "--liar", "3=quickstart.liar:app", "--run-config", config, "--format", "json", "-q"
    )
    assert found.code == 0, found.err
    assert {"accuracy", "eval_acc", "train_loss"} <= set(found.json["metrics"])
    assert [each["out"].get("node-3") for each in found.json["rounds"]] == ["not-selected"] * 2


def test_a_client_has_its_own_digits():
    pytest.importorskip("pureml")
    import torch

    with AppFolder.read(APP).opened():
        from quickstart.task import load_data

        parts = [load_data(each, 10, 50, 64) for each in (0, 1)]
    first, second = ({tuple(x.flatten().tolist()) for x, _ in train.dataset} for train, _ in parts)
    assert len(first) == len(second) == 40
    assert not first & second
    assert isinstance(parts[0][1].dataset[0][0], torch.Tensor)


@pytest.mark.slow
def test_the_three_runs_show_what_the_page_says():
    done = subprocess.run(  # noqa: S603 - our own interpreter and example
        [sys.executable, APP / "run_local.py"], capture_output=True, text=True, check=True, timeout=600
    )
    shares = [[float(cell.rstrip("%")) for cell in line.split()[-2:]] for line in done.stdout.splitlines()[1:]]
    (honest, nobody), (_, fooled), (guarded, kept_out) = shares
    assert honest > 85
    assert guarded > honest - 5
    assert fooled > 80
    assert max(nobody, kept_out) < 10
