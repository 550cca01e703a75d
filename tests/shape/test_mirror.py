"""The tests mirror the source: each module has its file, or this table says where it is tested instead."""

from __future__ import annotations

from importlib import import_module

import pytest

from tests.shape.tree import MODULES, ROOT, SOURCE, shown

LAWS = "stateless members of the catalogue stand under the laws of their kind"
LAB = "run by a real SuperLink and SuperNodes"
COMPILED = "a compiled kernel is held to the numpy one beside it"
OTHER_NAME = "another name for what core holds"
ELSEWHERE = {
    "attacks/access.py": ("tests/sim/test_access.py", "protocols; the simulator is who keeps them"),
    "attacks/parts.py": ("tests/attacks/test_catalog.py", "protocols; every entry of the catalogue is held to them"),
    "core/card.py": ("tests/laws/test_rule_laws.py", "plain data without code of its own"),
    "core/errors.py": ("tests/guard/test_spec.py", "errors are tested where they are raised"),
    "core/kernels/compiled_sums.py": ("tests/core/test_compiled.py", COMPILED),
    "core/kernels/engine.py": ("tests/core/kernels/switch.py", "every test of a kernel runs through it"),
    "core/kernels/plain.py": ("tests/core/test_compiled.py", COMPILED),
    "core/kernels/vectors.py": ("tests/core/test_compiled.py", COMPILED),
    "core/tables.py": ("tests/guard/test_spec.py", "tables are what the policy file is made of"),
    "guard/tables.py": ("tests/guard/test_spec.py", OTHER_NAME),
    "lab/app/client_app.py": ("tests/lab/test_real.py", LAB),
    "lab/app/server_app.py": ("tests/lab/test_real.py", LAB),
    "lab/app/task.py": ("tests/lab/test_app.py", "what the lab's app trains"),
    "sim/lanes.py": ("tests/sim/test_convolution.py", "register tiles have no use but in the kernels of blocks"),
    "sim/windows.py": ("tests/sim/test_convolution.py", "the order of numbers in memory shows in the kernels only"),
    "store/disk.py": ("tests/core/test_disk.py", OTHER_NAME),
    "store/lock.py": ("tests/core/test_lock.py", OTHER_NAME),
    "stages/bound.py": ("tests/laws/test_stage_laws.py", LAWS),
    "stages/mix.py": ("tests/laws/test_stage_laws.py", LAWS),
    "stages/momentum.py": ("tests/laws/test_stage_laws.py", LAWS),
    "testing/cohorts.py": ("tests/laws/catalogue.py", "the whole suite is built on it"),
}
"""Module: (where it is tested, why there)."""

TESTED = [path for path in MODULES if path.name not in ("__init__.py", "__main__.py")]


@pytest.mark.parametrize("path", TESTED, ids=shown)
def test_a_module_has_its_test_file(path):
    inside = path.relative_to(SOURCE)
    if inside.as_posix() in ELSEWHERE:
        return
    room = ROOT / "tests" / inside.parts[0] if len(inside.parts) > 1 else ROOT / "tests"
    expected = room / f"test_{inside.stem}.py"
    assert expected.exists(), f"{shown(path)}: write {shown(expected)}, or say in ELSEWHERE where it is tested and why"


@pytest.mark.parametrize("module", sorted(ELSEWHERE))
def test_an_exception_is_still_needed_and_true(module):
    where, why = ELSEWHERE[module]
    path = SOURCE / module
    assert path.exists(), f"{module} is gone: strike it off"
    assert (ROOT / where).exists(), f"{module} is said to be tested in {where}, which is gone"
    assert why
    assert not (ROOT / "tests" / path.relative_to(SOURCE).parts[0] / f"test_{path.stem}.py").exists(), "strike it off"


@pytest.mark.parametrize("room", sorted(path.parent.name for path in SOURCE.glob("*/__init__.py")))
def test_a_room_says_what_it_is_for(room):
    assert import_module(f"mithridate.{room}").__doc__
