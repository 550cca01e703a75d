"""A client that guards itself: whom it believes, what leaves it, and what a restart does not change."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flwr.app import ArrayRecord, ConfigRecord, Context, Message, RecordDict
from flwr.clientapp import ClientApp

from mithridate.flower.arrays import arrays_of, record_of
from mithridate.flower.client import DECLINED, GuardedClient, guard_client
from mithridate.flower.gate import reply_digest
from mithridate.flower.local import LocalNode, run_local
from mithridate.flower.private import identified, numbered
from mithridate.flower.replies import OURS
from mithridate.flower.server import guard_app
from mithridate.guard.policy import read_policy
from mithridate.identity.keys import SigningKey
from mithridate.identity.statement import Invitation, Submission, received, sign
from mithridate.privacy.mechanism import simulated_noise
from tests.flower.federation import MODEL, client_app, server_app

SERVER = SigningKey.from_seed(bytes(31) + b"\1")
SENT = dict(MODEL)


def asked(
    round: int = 0, key: SigningKey = SERVER, *, node: int = 5, run: str = "r", model: Any = None, lie: Any = None
) -> Message:
    """An instruction as the guarded server sends it."""
    arrays = SENT if model is None else model
    content = RecordDict({"arrays": record_of(arrays), "config": ConfigRecord({"lr": 0.1})})
    if key is not None:
        said = Invitation(run, round, reply_digest(lie or arrays), node)
        content[OURS] = ConfigRecord(sign(key, said).record())
    with identified(1):
        return numbered(Message(content, 5, "train"), f"m{round}")


def answered(policy: str, message: Message, folder: Path, node: int = 5, seed: int = 0) -> Message:
    mod = GuardedClient(read_policy(policy), folder, simulated_noise(np.random.default_rng(seed)))
    context = Context(1, node, {"partition-id": 0}, RecordDict(), {})
    return mod(message, context, client_app())


TRUSTING = f'[client]\nserver = "{SERVER.fingerprint}"\nstate = "state"\nkey = "client.pem"\n'


def test_without_a_policy_a_client_is_as_it_was(tmp_path):
    plain = answered("", asked(key=None), tmp_path)
    assert list(plain.content) == ["arrays", "metrics"]
    assert not list(tmp_path.iterdir())


def test_a_signed_invitation_is_answered_with_a_signed_update(tmp_path):
    reply = answered(TRUSTING, asked(), tmp_path)
    signed = received(Submission, dict(reply.content[OURS]), phase="train")
    assert signed.key == SigningKey.load(tmp_path / "client.pem").public
    assert signed.statement.update == reply_digest(arrays_of(reply.content["arrays"]))
    assert (signed.statement.run, signed.statement.round, signed.statement.examples) == ("r", 0, 20)


def test_the_app_does_not_see_what_server_and_mod_say_to_each_other(tmp_path):
    seen = []

    def app(message, context):
        seen.append(list(message.content))
        return client_app()(message, context)

    GuardedClient(read_policy(TRUSTING), tmp_path)(asked(), Context(1, 5, {"partition-id": 0}, RecordDict(), {}), app)
    assert seen == [["arrays", "config"]]


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (asked(key=None), "signed nothing"),
        (asked(key=SigningKey.from_seed(bytes(32))), "unknown-key"),
        (asked(node=6), "bad-signature"),
        (asked(lie={"w": np.zeros(1)}), "wrong-model"),
    ],
)
def test_what_the_server_did_not_say_is_declined(tmp_path, message, why):
    reply = answered(TRUSTING, message, tmp_path)
    assert reply.error.code == DECLINED
    assert why in reply.error.reason


@pytest.mark.parametrize(
    ("later", "why"),
    [
        (asked(2), "stale-round"),
        (asked(3, model={name: np.asarray(value + 1) for name, value in SENT.items()}), "contradicts-itself"),
    ],
)
def test_a_restarted_client_remembers_what_it_was_asked(tmp_path, later, why):
    assert not answered(TRUSTING, asked(3), tmp_path).has_error()
    assert not answered(TRUSTING, asked(3), tmp_path).has_error()  # the network tries again
    assert why in answered(TRUSTING, later, tmp_path).error.reason
    assert not answered(TRUSTING, asked(4), tmp_path).has_error()


def test_a_run_that_was_left_does_not_come_back(tmp_path):
    answered(TRUSTING, asked(3), tmp_path)
    answered(TRUSTING, asked(0, run="s"), tmp_path)
    assert "wrong-run" in answered(TRUSTING, asked(4), tmp_path).error.reason
    assert json.loads((tmp_path / "state" / "server.json").read_text())["past"] == ["r"]


def test_an_update_is_clipped_to_the_bound(tmp_path):
    reply = answered("[client]\nclip = 0.5\n", asked(key=None), tmp_path)
    found = arrays_of(reply.content["arrays"])
    moved = np.concatenate([(found[name] - SENT[name]).ravel() for name in ("w", "b")])
    assert np.linalg.norm(moved) == pytest.approx(0.5, rel=1e-5)
    assert found["steps"] == 1
    assert reply.content["metrics"]["train_loss"] == 0.5


NOISY = '[client]\nclip = 1.0\nnoise-multiplier = 8.0\nepsilon = 2.0\ndelta = 1e-5\nstate = "state"\n'


def test_noise_is_paid_from_a_budget_that_a_restart_does_not_refill(tmp_path):
    rounds = 0
    while not (reply := answered(NOISY, asked(rounds, key=None), tmp_path, seed=rounds)).has_error():
        rounds += 1
        assert rounds < 50
    assert rounds >= 1
    assert "BudgetExceeded" in reply.error.reason
    assert answered(NOISY, asked(99, key=None), tmp_path).has_error()


def test_behind_noise_no_metric_and_no_count_of_examples_leaves(tmp_path):
    reply = answered(NOISY, asked(key=None), tmp_path)
    assert dict(reply.content["metrics"]) == {"num-examples": 1}
    assert arrays_of(reply.content["arrays"])["steps"] == 0
    quiet = answered("", asked(key=None), tmp_path)
    assert not np.allclose(arrays_of(reply.content["arrays"])["w"], arrays_of(quiet.content["arrays"])["w"])


def test_the_nodes_own_configuration_goes_before_the_policy(tmp_path):
    mod = GuardedClient(read_policy(TRUSTING), tmp_path)
    own = {"partition-id": 0, "mithridate-key": str(tmp_path / "own.pem"), "mithridate-state": str(tmp_path / "own")}
    mod(asked(), Context(1, 5, own, RecordDict(), {}), client_app())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["own", "own.pem"]


def test_samples_are_sanitised_as_the_policy_says(tmp_path):
    mod = GuardedClient(read_policy("[client]\nsanitise = [{ name = 'trimmed-loss', share = 0.25 }]"), tmp_path)
    kept = mod.sanitised(np.zeros((4, 2)), np.zeros(4), 1, np.zeros((4, 2)), np.array([1.0, 9.0, 2.0, 3.0]))
    assert kept.tolist() == [True, False, True, True]


def test_a_question_passes(tmp_path):
    with identified(1):
        message = numbered(Message(RecordDict(), 5, "query"), "m")
        mod = guard_client()
        reply = mod(
            message,
            Context(1, 5, {}, RecordDict(), {}),
            lambda message, context: Message(RecordDict(), reply_to=message),
        )
    assert reply.has_content()


# Server and clients together


def enrolled(folder: Path, names: list[str], organisation: str = "org") -> list[LocalNode]:
    """Nodes with guarded clients, and the list that names them."""
    lines, nodes = ["[organisations]\nmost-share = 1.0\n"], []
    for i, name in enumerate(names):
        key = SigningKey.create(folder / f"{name}.pem")
        who = f'name = "{name}"\norganisation = "{organisation}-{i}"\nkey = "{key.fingerprint}"'
        lines.append(f"[[client]]\n{who}\napproved = 2026-01-01\n")
        config = {
            "partition-id": i,
            "mithridate-key": str(folder / f"{name}.pem"),
            "mithridate-state": str(folder / name),
        }
        nodes.append(LocalNode(guarded(folder), 100 + i, config))
    (folder / "enrolment.toml").write_text("\n".join(lines))
    return nodes


def guarded(folder: Path) -> Any:
    inner, mod = client_app(), GuardedClient(read_policy(""), folder)
    return lambda message, context: mod(message, context, inner)


SIGNED = '[identity]\nrequire = "signature"\nenrolment = "enrolment.toml"\nserver-key = "server.pem"\n'


def ran(
    folder: Path, nodes: list[LocalNode], rounds: int = 2, policy: str = SIGNED
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    (folder / "policy.toml").write_text(policy)
    into: dict[str, Any] = {}
    events: list[dict[str, Any]] = []
    app = guard_app(
        server_app(rounds=rounds, into=into),
        folder / "policy.toml",
        watchers=[lambda event: events.append(dict(event))],
    )
    run_local(app, client_app(), nodes=nodes)
    return into, [event for event in events if event["event"] == "round"]


def fate(events: list[dict[str, Any]], client: str) -> list[tuple[str, Any]]:
    return [(row["status"], row["reason"]) for event in events for row in event["clients"] if row["client"] == client]


NAMES = ["ann", "bob", "cas", "dan", "eve", "fay"]


def test_clients_are_known_by_their_enrolled_names(tmp_path):
    into, events = ran(tmp_path, enrolled(tmp_path, NAMES))
    assert [row["client"] for row in events[0]["clients"]] == NAMES
    assert {row["status"] for event in events for row in event["clients"]} == {"counted"}
    assert into["model"]["b"][0] < 0


def test_a_client_that_signs_nothing_is_refused(tmp_path):
    nodes = enrolled(tmp_path, NAMES)
    nodes[2].client = client_app()
    _, events = ran(tmp_path, nodes)
    assert fate(events, "node-102")[0] == ("refused", "unsigned")


def test_a_key_that_is_on_no_list_is_refused(tmp_path):
    nodes = enrolled(tmp_path, NAMES)
    nodes[2].config["mithridate-key"] = str(tmp_path / "stranger.pem")
    _, events = ran(tmp_path, nodes)
    assert fate(events, "node-102")[0] == ("refused", "not-enrolled")


def test_a_revocation_counts_from_the_next_round_on(tmp_path):
    nodes = enrolled(tmp_path, NAMES)
    honest = nodes[2].client
    path = tmp_path / "enrolment.toml"

    def revoked_meanwhile(message, context):
        text = path.read_text().replace('name = "cas"', 'name = "cas"\nrevoked = 2026-01-02\nreason = "lost"', 1)
        if "revoked" not in path.read_text() and message.metadata.message_type == "evaluate":
            path.write_text(text)
        return honest(message, context)

    nodes[2].client = revoked_meanwhile
    _, events = ran(tmp_path, nodes)
    assert fate(events, "cas") == [("counted", None), ("refused", "revoked")]


def test_a_reply_that_was_changed_on_its_way_is_refused(tmp_path):
    nodes = enrolled(tmp_path, NAMES)
    honest = nodes[2].client

    def changed(message, context):
        reply = honest(message, context)
        if message.metadata.message_type == "train":
            arrays = arrays_of(reply.content["arrays"])
            reply.content["arrays"] = record_of(dict(arrays) | {"b": arrays["b"] + 1})
        return reply

    nodes[2].client = changed
    _, events = ran(tmp_path, nodes)
    assert fate(events, "node-102")[0] == ("refused", "wrong-update")


def test_another_claim_of_examples_than_was_signed_is_refused(tmp_path):
    nodes = enrolled(tmp_path, NAMES)
    honest = nodes[2].client

    def boasting(message, context):
        reply = honest(message, context)
        reply.content["metrics"]["num-examples"] = 10**6
        return reply

    nodes[2].client = boasting
    _, events = ran(tmp_path, nodes)
    assert fate(events, "node-102")[0] == ("refused", "wrong-examples")


def test_yesterdays_signed_reply_is_refused(tmp_path):
    nodes, kept = enrolled(tmp_path, NAMES), []
    honest = nodes[2].client

    def replaying(message, context):
        if message.metadata.message_type == "train":
            kept.append(honest(message, context))
            return Message(kept[0].content, reply_to=message)
        return honest(message, context)

    nodes[2].client = replaying
    _, events = ran(tmp_path, nodes)
    assert fate(events, "cas") == [("counted", None), ("refused", "stale-round")]


def test_a_node_that_fails_is_called_as_it_signed_before(tmp_path):
    nodes, asked = enrolled(tmp_path, NAMES), []
    honest = nodes[2].client

    def failing(message, context):
        asked.append(message)
        if len(asked) > 2:
            raise RuntimeError("power cut")
        return honest(message, context)

    nodes[2].client = failing
    _, events = ran(tmp_path, nodes)
    assert fate(events, "cas") == [("counted", None), ("absent", "failed")]
    assert fate(events, "node-102") == []


def test_a_node_that_answers_with_anothers_update_harms_only_itself(tmp_path):
    nodes, heard = enrolled(tmp_path, NAMES), []
    honest, thief = nodes[1].client, SigningKey.load(tmp_path / "cas.pem")

    def overheard(message, context):
        heard.append(honest(message, context))
        return heard[-1]

    def stealing(message, context):
        if message.metadata.message_type != "train" or not heard:
            return Message(RecordDict(), reply_to=message)
        own = dict(message.content[OURS])
        arrays = arrays_of(heard[-1].content["arrays"])
        said = Submission(own["run"], own["round"], own["model"], reply_digest(arrays), 21)
        content = RecordDict(dict(heard[-1].content.items()))
        content[OURS] = ConfigRecord(sign(thief, said).record())
        return Message(content, reply_to=message)

    nodes[1].client, nodes[2].client = overheard, stealing
    _, events = ran(tmp_path, nodes, rounds=1, policy=SIGNED + '[guard]\nrule = "median"\n')
    assert fate(events, "cas") == [("refused", "copied-update")]
    assert fate(events, "bob") == [("refused", "copied-update")]  # of several senders of one update none counts
    assert sum(row["status"] == "counted" for row in events[0]["clients"]) == 4


def test_one_organisation_does_not_get_more_than_its_share(tmp_path):
    nodes = enrolled(tmp_path, NAMES)
    path = tmp_path / "enrolment.toml"
    text = path.read_text().replace("most-share = 1.0", "most-share = 0.34")
    for i in (3, 4, 5):
        text = text.replace(f'organisation = "org-{i}"', 'organisation = "sybil"')
    path.write_text(text)
    _, events = ran(tmp_path, nodes, rounds=1)
    out = [row["client"] for row in events[0]["clients"] if row["reason"] == "organisation-cap"]
    assert len(out) == 2
    assert set(out) < {"dan", "eve", "fay"}


def test_a_run_that_goes_on_after_a_crash_remembers_what_was_signed(tmp_path):
    class Killed(BaseException):
        pass

    nodes = enrolled(tmp_path, NAMES)
    honest, count = nodes[0].client, []

    def killing(message, context):
        count.append(message)
        if len(count) == 3:
            raise Killed
        return honest(message, context)

    nodes[0].client = killing
    policy = SIGNED + '[record]\nfolder = "runs"\n'
    with pytest.raises(Killed):
        ran(tmp_path, nodes, rounds=3, policy=policy)
    into, events = ran(tmp_path, nodes, rounds=3, policy=policy)
    assert [event["round"] for event in events] == [1, 2]
    assert into["model"]["b"][0] < 0
    assert {row["status"] for event in events for row in event["clients"]} == {"counted"}


def test_a_mod_is_a_mod():
    app = ClientApp(mods=[guard_client(read_policy(""))])
    assert app is not None
    assert ArrayRecord() == record_of({})


def test_a_model_with_a_layer_made_to_copy_samples_is_declined(tmp_path):
    rows = np.tile(np.random.default_rng(0).normal(size=64), (32, 1)).astype(np.float32)
    model = {"1.weight": rows, "1.bias": np.linspace(-2, 2, 32, dtype=np.float32), "steps": np.array(0)}
    reply = answered("", asked(key=None, model=model), tmp_path)
    assert reply.error.code == DECLINED
    assert "1.weight: rows point the same way" in reply.error.reason
    content = RecordDict({"arrays": record_of(model)})
    with identified(1):
        message = numbered(Message(content, 5, "train"), "m")
    trusting = GuardedClient(read_policy("[client]\nrefuse-imprint = false"), tmp_path)
    reply = trusting(
        message, Context(1, 5, {}, RecordDict(), {}), lambda message, context: Message(content, reply_to=message)
    )
    assert reply.has_content()
