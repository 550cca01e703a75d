"""A budget that outlives whatever happens to the client."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mithridate.core.errors import BudgetExceeded, ConfigurationError, PrivacyError
from mithridate.privacy.accountant import epsilon
from mithridate.privacy.budget import Budget
from mithridate.privacy.events import Gaussian, PoissonSampled, Repeated
from tests.shape.tree import ROOT

EVENT = Gaussian(4.0)  # mu = 1/4: epsilon 0.926 at delta 1e-5; twice 1.356, three times 1.698, four times 1.9931


def budget(folder, limit=1.5, **more):
    return Budget(folder, "ward-7", limit, 1e-5, **more)


def lines(mine):
    return mine.path.read_bytes().splitlines(keepends=True)


def test_a_budget_is_spent_until_it_is_used_up(tmp_path):
    mine = budget(tmp_path)
    counts = [mine.spend(EVENT, f"round {k}").rounds_left for k in range(2)]
    assert counts == [1, 0]
    before = mine.path.read_bytes()
    with pytest.raises(BudgetExceeded, match="nothing is released"):
        mine.spend(EVENT)
    assert mine.path.read_bytes() == before


def test_the_balance_says_what_was_spent_and_what_is_left(tmp_path):
    mine = budget(tmp_path)
    new = mine.balance(EVENT)
    assert (new.spent, new.remaining, new.releases, new.rounds_left, new.receipt) == (0.0, 1.5, 0, 2, None)
    after = mine.spend(EVENT)
    assert after.spent == pytest.approx(epsilon([EVENT], 1e-5)) and after.releases == 1
    assert after.remaining == pytest.approx(1.5 - after.spent)
    assert mine.balance(EVENT) == after
    assert str(after) == "ward-7: epsilon 0.9263 of 1.5 spent at delta 1e-05 in 1 releases; 1 more like the last fit"


@settings(max_examples=8)
@given(noises=st.lists(st.floats(2, 40), min_size=1, max_size=4), limit=st.floats(0.5, 4))
def test_the_ledger_never_holds_more_than_the_limit(tmp_path_factory, noises, limit):
    mine, kept = budget(tmp_path_factory.mktemp("b"), limit), []
    for noise in noises:
        fits = epsilon([*kept, Gaussian(noise)], 1e-5) <= limit
        try:
            balance = mine.spend(Gaussian(noise))
            kept.append(Gaussian(noise))
            assert fits and balance.spent <= limit
        except BudgetExceeded:
            assert not fits
    assert mine.balance().releases == len(kept)


def test_a_new_run_goes_on_where_the_last_one_stopped(tmp_path):
    budget(tmp_path).spend(EVENT, "run one")
    assert budget(tmp_path).spend(EVENT, "run two").releases == 2


def test_data_sets_have_budgets_of_their_own(tmp_path):
    budget(tmp_path).spend(EVENT)
    assert Budget(tmp_path, "ward-8", 1.5, 1e-5).balance().releases == 0


def test_a_ledger_under_another_name_is_refused(tmp_path):
    mine = budget(tmp_path)
    mine.spend(EVENT)
    mine.path.rename(tmp_path / "ward-8.privacy.jsonl")
    with pytest.raises(PrivacyError, match="is that of 'ward-7'"):
        Budget(tmp_path, "ward-8", 1.5, 1e-5).spend(EVENT)


def test_the_limits_of_the_first_opening_hold(tmp_path):
    budget(tmp_path).spend(EVENT)
    with pytest.raises(ConfigurationError, match="2 is more"):
        budget(tmp_path, 2.0).balance()
    with pytest.raises(ConfigurationError, match="delta 1e-05"):
        Budget(tmp_path, "ward-7", 1.5, 1e-6).balance()
    with pytest.raises(BudgetExceeded):
        budget(tmp_path, 1.0).spend(EVENT)


def test_sampling_makes_no_release_of_a_client_cheaper(tmp_path):
    for event in (PoissonSampled(0.01, EVENT), Repeated(EVENT, 2), None):
        with pytest.raises(PrivacyError, match="is a Gaussian event"):
            budget(tmp_path).spend(event)
    assert not budget(tmp_path).path.exists()


@pytest.mark.parametrize("name", ["", "Ward", "../ward", "a/b", ".hidden", "a b", "a\n", "x" * 65, "a\0"])
def test_a_data_set_needs_a_plain_name(tmp_path, name):
    with pytest.raises(ConfigurationError, match="data_set"):
        Budget(tmp_path, name, 1.0, 1e-5)


@pytest.mark.parametrize(("limit", "delta"), [(0, 1e-5), (-1, 1e-5), (float("inf"), 1e-5), (1, 0), (1, 1), (1, None)])
def test_a_budget_without_bounds_cannot_be_built(tmp_path, limit, delta):
    with pytest.raises(ConfigurationError):
        Budget(tmp_path, "ward-7", limit, delta)


def test_the_spending_is_on_the_disk_before_it_is_answered(tmp_path, monkeypatch):
    done = []
    sync, write = os.fsync, os.write
    monkeypatch.setattr(os, "fsync", lambda fd: (done.append("sync"), sync(fd))[1])
    monkeypatch.setattr(os, "write", lambda fd, data: (done.append("write"), write(fd, data))[1])
    budget(tmp_path).spend(EVENT)
    done.append("answered")
    assert done == ["write", "sync", "sync", "write", "sync", "answered"]  # header, folder, release


def test_a_full_disk_lets_nothing_go(tmp_path, monkeypatch):
    mine = budget(tmp_path)
    mine.spend(EVENT)
    write = os.write

    def full(descriptor, data):
        if len(data) > 20:
            return write(descriptor, data[:20])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(PrivacyError, match="No space left on device; nothing is released"):
        mine.spend(EVENT)
    monkeypatch.undo()
    assert mine.spend(EVENT).releases in (2, 3)


def test_only_the_owner_may_read_it_whatever_the_umask(tmp_path):
    before = os.umask(0)
    try:
        mine = budget(tmp_path / "state")
        mine.spend(EVENT)
    finally:
        os.umask(before)
    assert mine.path.stat().st_mode & 0o777 == 0o600
    assert mine.path.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("mode", [0o644, 0o660, 0o604])
def test_a_ledger_that_others_may_touch_is_refused(tmp_path, mode):
    mine = budget(tmp_path)
    mine.spend(EVENT)
    mine.path.chmod(mode)
    with pytest.raises(PrivacyError, match="chmod 600"):
        mine.spend(EVENT)


def test_a_link_is_not_followed(tmp_path):
    mine = budget(tmp_path)
    mine.spend(EVENT)
    mine.path.rename(tmp_path / "elsewhere")
    mine.path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PrivacyError, match="cannot be opened"):
        mine.spend(EVENT)
    mine.path.unlink()
    os.link(tmp_path / "elsewhere", mine.path)
    with pytest.raises(PrivacyError, match="one name"):
        mine.spend(EVENT)
    mine.path.unlink()
    os.mkfifo(mine.path)
    with pytest.raises(PrivacyError):
        mine.spend(EVENT)


def test_a_receipt_shows_that_the_end_was_cut_off_or_all_deleted(tmp_path):
    mine = budget(tmp_path)
    first, second = mine.spend(EVENT), mine.spend(EVENT)
    for receipt in (first.receipt, second.receipt):
        assert replace(mine, seen=receipt).balance().releases == 2
    whole = lines(mine)
    mine.path.write_bytes(b"".join(whole[:-1]))
    assert replace(mine, seen=first.receipt).balance().releases == 1
    with pytest.raises(PrivacyError, match="does not go on from release 2"):
        replace(mine, seen=second.receipt).spend(EVENT)
    mine.path.unlink()
    with pytest.raises(PrivacyError, match="cut, replaced or deleted"):
        replace(mine, seen=first.receipt).spend(EVENT)


def test_a_ledger_begun_anew_is_another_ledger(tmp_path):
    mine = budget(tmp_path)
    receipt = mine.spend(EVENT).receipt
    mine.path.unlink()
    mine.spend(EVENT)
    with pytest.raises(PrivacyError, match="does not go on"):
        replace(mine, seen=receipt).balance()


def spender(folder):
    return subprocess.Popen(  # noqa: S603 - our own interpreter and module
        [sys.executable, "-m", "tests.privacy.spender", str(folder)],
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])},
    )


def killed(process):
    """How many releases it made before it was killed."""
    process.kill()
    with process:
        return process.stdout.read().count(b"released\n")


@pytest.mark.parametrize("delay_s", [0.0, 0.003, 0.011, 0.05])
def test_a_client_that_is_killed_never_released_what_it_had_not_spent(tmp_path, delay_s):
    process = spender(tmp_path)
    process.stdout.readline()
    time.sleep(delay_s)
    released = 1 + killed(process)
    assert released <= Budget(tmp_path, "ward-7", 1.0, 1e-5).balance().releases <= released + 1


def test_two_clients_at_once_share_one_budget(tmp_path):
    pair = [spender(tmp_path), spender(tmp_path)]
    for process in pair:
        process.stdout.readline()
    time.sleep(0.2)
    released = 2 + sum([killed(process) for process in pair])
    assert released <= Budget(tmp_path, "ward-7", 1.0, 1e-5).balance().releases <= released + 2


def test_threads_cannot_overspend_together(tmp_path):
    mine, outcomes = budget(tmp_path, 2.0), []

    def spend():
        try:
            outcomes.append(mine.spend(EVENT).releases)
        except BudgetExceeded:
            outcomes.append(None)

    threads = [threading.Thread(target=spend) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(filter(None, outcomes)) == [1, 2, 3, 4]
    assert outcomes.count(None) == 2


def test_no_clock_is_read(tmp_path, monkeypatch):
    mine = budget(tmp_path)
    mine.spend(EVENT)
    os.utime(mine.path, (0, 0))
    monkeypatch.setattr(time, "time", lambda: -1e9)
    assert mine.spend(EVENT).releases == 2
    assert not any(word in mine.path.read_text() for word in ("time", "date"))
