"""Flower's own simulation engine, on Ray, as the public way runs it: the guard decides there as in one process."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from mithridate.flower.local import run_local
from mithridate.store.replay import replayed
from mithridate.store.run import RunFolder

APP = Path(__file__).parent / "app"
CLIENTS, ROUNDS, LIAR = 8, 3, 2
CONFIG = {"rounds": ROUNDS, "clients": CLIENTS}
PATIENCE_S = 150.0

HOME = """[superlink]
default = "sim"

[superlink.sim]
address = "127.0.0.1:%d"
insecure = true
options.num-supernodes = %d
options.backend.client-resources.num-cpus = 1
"""


@pytest.fixture
def in_one_process(tmp_path, monkeypatch):
    """The record of the app in this process."""
    app = shutil.copytree(APP, tmp_path / "one")
    monkeypatch.syspath_prepend(str(app))
    try:
        server, client = (import_module(f"guarded.{name}").app for name in ("server_app", "client_app"))
        run_local(server, client, nodes=CLIENTS, run_config=CONFIG, seed=7)
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] == "guarded"]:
            del sys.modules[name]
    return RunFolder.open(app / "runs" / "federation-0001")


def rounds_of(run: RunFolder) -> list[dict]:
    return [event for event in run.events() if event["event"] == "round"]


def told(event: dict) -> dict:
    """By the number of examples, which says which partition it is: what became of a client. NaN comes without that number."""
    return {row["examples"]: (row["status"], row["stage"], row["reason"]) for row in event["clients"]}


def test_the_app_is_guarded_in_one_process(in_one_process):
    (first, *_), last = rounds_of(in_one_process), rounds_of(in_one_process)[-1]
    assert told(first)[None] == ("refused", "admission", "not-finite")
    assert told(last)[20.0 + LIAR] == ("dropped", "multi-krum", "not-selected")
    assert sum(status == "counted" for status, *_ in told(last).values()) == CLIENTS - 2


@pytest.mark.slow
def test_ray_decides_as_one_process_does(in_one_process, tmp_path):
    pytest.importorskip("ray", reason="Flower's simulation engine is not installed: pip install 'flwr[simulation]'")
    run = on_ray(tmp_path / "ray")
    here, there = rounds_of(in_one_process), rounds_of(run)
    assert [told(event) for event in there] == [told(event) for event in here]
    assert [event["refused"] for event in there] == [None] * ROUNDS
    for number in range(ROUNDS):
        name = f"after-round-{number:05d}"
        ours, theirs = in_one_process.load_model(name), run.load_model(name)
        assert all(np.allclose(ours[key], theirs[key], rtol=0, atol=1e-5) for key in ours)
    assert all(each.same and each.exact for each in replayed(run))


def on_ray(folder: Path) -> RunFolder:
    """Run the app by `flwr run` on a SuperLink of one's own; the record."""
    shutil.copytree(APP, folder / "app")
    port = _free_port()
    (folder / "home").mkdir()
    (folder / "home" / "config.toml").write_text(HOME % (port, CLIENTS), encoding="utf-8")
    source = str(Path(__file__).parents[2] / "src")
    environment = os.environ | {
        "FLWR_HOME": str(folder / "home"),
        "FLWR_TELEMETRY_ENABLED": "0",
        "FLWR_DISABLE_UPDATE_CHECK": "1",
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "PYTHONPATH": os.pathsep.join(filter(None, [source, os.environ.get("PYTHONPATH")])),
    }
    link = ["flower-superlink", "--insecure", "--simulation", "--isolation", "subprocess", "--host", "127.0.0.1",
            "--port", str(port), "--disable-runtime-dependency-installation"]  # fmt: skip
    with (folder / "link.log").open("wb") as log:
        superlink = subprocess.Popen(link, env=environment, stdout=log, stderr=log, start_new_session=True)  # noqa: S603 - our own
        try:
            _wait_for(port)
            subprocess.run(
                ["flwr", "run", ".", "sim", "--stream"],  # noqa: S607 - the environment's own
                cwd=folder / "app",
                env=environment,
                check=True,
                capture_output=True,
                timeout=PATIENCE_S,
            )
        finally:
            _ended(superlink)
    (found,) = (folder / "home").rglob("federation-*/manifest.json")
    return RunFolder.open(found.parent)


def _ended(process: subprocess.Popen) -> None:
    """End it and all that it started."""
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with socket.socket() as one:
            if one.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.2)
    raise TimeoutError(f"nobody listens on port {port}")
