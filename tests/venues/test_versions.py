"""The oldest Flower that is supported, and the newest that can be had, by the tests of the room that uses it."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.shape.tree import ROOT

OLDEST, ABOVE = "1.38.0", "2"


@pytest.mark.slow
@pytest.mark.parametrize("wanted", [f"flwr=={OLDEST}", f"flwr>={OLDEST},<{ABOVE}"], ids=["oldest", "newest"])
def test_the_rooms_tests_pass_with_another_flower(wanted, tmp_path):
    pip = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--only-binary=:all:",
        "-d",
        str(tmp_path),
        wanted,
    ]
    fetched = subprocess.run(pip, capture_output=True, text=True, timeout=300)  # noqa: S603 - our own interpreter
    if fetched.returncode:
        pytest.skip(f"{wanted} cannot be had here: {fetched.stderr[-300:]}")
    (wheel,) = tmp_path.glob("flwr-*.whl")
    zipfile.ZipFile(wheel).extractall(tmp_path / "flower")
    path = os.pathsep.join([str(tmp_path / "flower"), str(ROOT / "src"), str(ROOT)])
    env = os.environ | {"PYTHONPATH": path}
    version = [sys.executable, "-c", "import flwr; print(flwr.__file__)"]
    found = subprocess.run(version, capture_output=True, text=True, env=env, check=True, timeout=60)  # noqa: S603 - as above
    assert found.stdout.startswith(str(tmp_path))
    tests = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(Path("tests") / "flower")]
    ran = subprocess.run(tests, capture_output=True, text=True, env=env, cwd=ROOT, timeout=900)  # noqa: S603 - as above
    assert ran.returncode == 0, ran.stdout[-3000:]
