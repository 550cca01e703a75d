"""What `import mithridate` costs, measured in a fresh interpreter."""

from __future__ import annotations

import subprocess
import sys

LIMIT_S = 0.3
HEAVY = (
    "cryptography",
    "dp_accounting",
    "flwr",
    "jinja2",
    "numba",
    "prometheus_client",
    "pureml",
    "pydantic",
    "rich",
    "safetensors",
    "scipy",
    "sklearn",
    "torch",
    "typer",
)


def fresh(code: str) -> str:
    """What a new interpreter prints."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)  # noqa: S603 - our own interpreter and code
    return done.stdout


def test_it_takes_less_than_300_ms():
    # Processor time: what else the machine is doing must not decide.
    code = "import time; a = time.process_time(); import mithridate; print(time.process_time() - a)"
    assert min(float(fresh(code)) for _ in range(5)) < LIMIT_S


def test_it_loads_numpy_and_nothing_heavy():
    loaded = fresh("import sys, mithridate; print(*sorted({name.partition('.')[0] for name in sys.modules}))").split()
    assert "numpy" in loaded
    assert not set(loaded) & set(HEAVY)


def test_every_room_of_the_defence_loads_numpy_and_nothing_heavy():
    rooms = "mithridate.attacks.catalog, mithridate.guard.catalog, mithridate.privacy, mithridate.testing"
    loaded = fresh(f"import sys, {rooms}; print(*sorted({{name.partition('.')[0] for name in sys.modules}}))").split()
    assert not set(loaded) & set(HEAVY)
