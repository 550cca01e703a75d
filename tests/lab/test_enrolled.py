"""Everybody in a lab has a key of their own and stands in the list."""

from __future__ import annotations

import stat
from datetime import UTC, datetime

from mithridate.guard.policy import read_policy
from mithridate.identity.approval import load_enrolment
from mithridate.identity.keys import SigningKey
from mithridate.lab.enrolled import enrolled

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)


def test_each_site_is_enrolled_with_the_key_that_it_holds(lab):
    guarding = enrolled(lab, NOW)
    listed = {client.name: client.fingerprint for client in load_enrolment(guarding.enrolment).clients}
    assert listed == {site.name: SigningKey.load(lab.signing_key(site.name)).fingerprint for site in lab.plan.sites}
    assert {client.organisation for client in load_enrolment(guarding.enrolment).clients} == set(listed)


def test_the_server_signs_with_the_key_that_clients_expect(lab):
    guarding = enrolled(lab, NOW)
    assert SigningKey.load(guarding.server_key).fingerprint == guarding.server


def test_keys_are_their_owners(lab):
    enrolled(lab, NOW)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in lab.keys.glob("*.signing.pem")}
    assert modes == {0o600}


def test_the_policy_asks_for_signatures_and_names_the_server(lab):
    guarding = enrolled(lab, NOW)
    policy = read_policy(guarding.tables)
    assert (policy.identity.require, policy.identity.enrolment) == ("signature", str(guarding.enrolment))
    assert (policy.client.server, policy.record.folder) == (guarding.server, str(lab.record))
