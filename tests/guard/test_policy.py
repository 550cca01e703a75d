"""The whole policy file: strict in every table, with the line and the cure in every complaint."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mithridate.core.errors import ConfigurationError
from mithridate.guard.guard import Guard
from mithridate.guard.policy import Policy, default_guard, read_policy
from mithridate.guard.spec import TABLES, parse
from mithridate.rules import Median, MultiKrum, TrimmedMean

WHOLE = """
[guard]
rule = { name = "multi-krum", f = 2 }
[admission]
max-abs = 10.0
[round]
quorum = 3
on-refusal = "fall-back"
fall-back = "median"
timeout-s = 60
[metrics]
allow = ["loss"]
[identity]
enrolment = "enrolment.toml"
require = "signature"
[client]
sanitise = ["deep-knn"]
clip = 1
noise-multiplier = 1.1
epsilon = 8.0
state = "state"
[record]
folder = "runs"
[monitor]
port = 9477
"""


def test_every_table_is_read():
    policy = read_policy(WHOLE)
    assert policy.guard == Guard(MultiKrum(f=2))
    assert (policy.admission.max_abs, policy.admission.key_order) == (10.0, "any")
    assert (policy.round.fall_back, policy.round.timeout_s) == (Median(), 60.0)
    assert policy.metrics.allow == ("loss",)
    assert policy.client.sanitise[0].card.name == "deep-knn"
    assert (policy.record.folder, policy.monitor.port) == ("runs", 9477)


def test_the_simulator_and_the_replay_read_the_same_file():
    assert parse(WHOLE) == read_policy(WHOLE).guard


def test_a_policy_without_tables_is_the_default():
    assert read_policy("") == Policy()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[rounds]\n", r"policy.toml:1: unknown table 'rounds'; did you mean 'round'"),
        ("[round]\nqorum = 1", r"policy.toml:2: \[round\] unknown key 'qorum'; did you mean 'quorum'"),
        ("[round]\nquorum = 0", r"policy.toml:2: \[round\] quorum must be a whole number"),
        ("[round]\ntimeout-s = 0", r"timeout_s must be a number in \(0"),
        ("[round]\non-refusal = 'fallback'", r"did you mean 'fall-back'"),
        ("[round]\non-refusal = 'fall-back'", r"belong together"),
        ("[round]\nfall-back = 'median'", r"belong together"),
        ("[round]\non-refusal = 'fall-back'\nfall-back = 'medain'", r"unknown rule 'medain'; did you mean 'median'"),
        ("round = 1", r"\[round\] must be a table"),
        ("[identity]\nrequire = 'signature'", r"needs an enrolment list"),
        ("[client]\nnoise-multiplier = 1.0\nclip = 1.0", r"noise-multiplier and epsilon belong together"),
        ("[client]\nnoise-multiplier = 1.0\nepsilon = 1.0\nstate = 's'", r"needs a clip"),
        ("[client]\nclip = 1.0\nnoise-multiplier = 1.0\nepsilon = 1.0", r"needs a state folder"),
        ("[client]\ndelta = 1.0", r"delta must be in \(0, 1\)"),
        ("[client]\nclip = -1.0", r"clip must be a number in \(0"),
        ("[client]\nsanitise = 'deep-knn'", r"sanitise must be a list"),
        ("[client]\nsanitise = ['deep-kn']", r"did you mean 'deep-knn'"),
        ("[monitor]\nport = 70000", r"port must be a whole number in \[1, 65535\]"),
        ("[admission]\nmax-abs = -1", r"\[admission\] max_abs"),
        ("[guard", r"not valid TOML"),
    ],
)
def test_what_is_wrong_is_refused_with_place_and_cure(text, complaint):
    with pytest.raises(ConfigurationError, match=complaint):
        read_policy(text)


@given(st.integers(1, 500))
def test_the_default_guard_bears_a_fifth_wherever_anybody_can(n):
    guard = default_guard(n)
    assert guard.rule.f == max(1, n // 5)
    needed = 2 * guard.rule.f + (3 if isinstance(guard.rule, MultiKrum) else 1)
    assert n >= needed or n <= 2
    assert isinstance(guard.rule, MultiKrum | TrimmedMean)


def test_what_decides_has_a_digest_and_folders_do_not_count():
    assert read_policy("").digest == read_policy("[record]\nfolder = 'x'").digest
    assert read_policy("").digest != read_policy("[round]\nseed = 1").digest


def test_all_tables_are_known_to_both_readers():
    assert set(TABLES) == set(Policy.__dataclass_fields__)
