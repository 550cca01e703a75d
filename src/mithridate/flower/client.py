"""`guard_client`: what a client does for itself before it trains and before it sends."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from flwr.app import ConfigRecord, Context, Error, Message, MetricRecord, RecordDict

from mithridate.core.disk import read, there, write
from mithridate.core.errors import ConfigurationError, MithridateError
from mithridate.core.randomness import stream
from mithridate.flower.arrays import arrays_of, record_of
from mithridate.flower.gate import reply_digest
from mithridate.flower.private import message_like
from mithridate.flower.replies import OURS, model_of
from mithridate.flower.server import policy_from
from mithridate.guard.policy import Policy
from mithridate.identity.followed import Followed
from mithridate.identity.keys import SigningKey
from mithridate.identity.refusal import NotAuthentic
from mithridate.identity.statement import Invitation, Phase, Submission, received, sign
from mithridate.identity.verify import verify
from mithridate.privacy.budget import Budget
from mithridate.privacy.imprint import ImprintCheck
from mithridate.privacy.mechanism import ClippedGaussian, Noise, system_noise
from mithridate.privacy.release import release
from mithridate.sanitise import Lot, sift

__all__ = ["DECLINED", "GuardedClient", "guard_client"]

log = logging.getLogger("mithridate")

DECLINED = 1001
"""The error code of a client that does not take part, as the server sees it."""

_MOST_STATE_BYTES = 2**20
_Next = Callable[[Message, Context], Message]


class GuardedClient:
    """A Flower mod. See `guard_client`."""

    def __init__(self, policy: Policy, home: Path, noise: Noise = system_noise) -> None:
        self.policy, self._home, self._noise = policy, home, noise

    def __call__(self, message: Message, context: Context, call_next: _Next) -> Message:
        """One message: refused, or handed on and its reply made fit to be sent."""
        phase = message.metadata.message_type.partition(".")[0]
        if phase in ("train", "evaluate"):
            try:
                return self._answered(message, context, call_next, "train" if phase == "train" else "evaluate")
            except MithridateError as why:
                log.warning("this client does not take part: %s", why)
                return Message(Error(DECLINED, f"{type(why).__name__}: {why}"), reply_to=message)
        return call_next(message, context)

    def sanitised(
        self, x: np.ndarray, y: np.ndarray, classes: int, features: np.ndarray, losses: np.ndarray, *, seed: int = 0
    ) -> np.ndarray:
        """Which of the client's own samples the policy's sanitisers keep; to be called in the app's training function.

        Args:
            x: (n, ...) samples.
            y: (n,) labels.
            classes: Of the task.
            features: (n, k) activations of the layer before the last one, under the model that came.
            losses: (n,) cross-entropy of each sample under the model that came.
            seed: Of the sanitisers' randomness.

        Returns: (n,) bool.
        """
        lot = Lot(np.asarray(x, np.float32), np.asarray(y, np.int64), classes, features, losses)
        return sift(self.policy.client.sanitise, lot, stream(seed, 0, "sanitise")).kept

    def _answered(self, message: Message, context: Context, call_next: _Next, phase: Phase) -> Message:
        files = _Files(self.policy, self._home, context)
        found = model_of(message.content)
        sent = {} if found is None else arrays_of(found[1])
        said = message.content.config_records.get(OURS)
        asked = self._believed(said, sent, context, phase, files)
        if phase == "train" and self.policy.client.refuse_imprint:
            ImprintCheck().refuse(sent)
        answer = call_next(_without(message), context)
        if answer.has_error():
            return answer
        if phase == "train" and sent:
            self._protected(answer, sent, files, asked)
        if asked is not None and files.key is not None:
            self._signed(answer, asked, phase, files.key)
        return answer

    def _believed(
        self, said: Any, sent: Mapping[str, np.ndarray], context: Context, phase: Phase, files: _Files
    ) -> Invitation | None:
        """What the server asks for, if it said so in a way that this client may believe.

        Raises:
            NotAuthentic: the policy names a server, and this is not its word about this model, round and node.
        """
        expected = self.policy.client.server
        if said is None and expected is not None:
            raise NotAuthentic(
                "malformed", "the server has signed nothing, and the policy names the key it must sign with"
            )
        if said is None:
            return None
        model = reply_digest(sent)
        if expected is None:
            plain = {name: said.get(name) for name in Invitation.wire}
            return Invitation(**plain, node=context.node_id, phase=phase)
        signed = received(Invitation, dict(said), node=context.node_id, phase=phase)
        claimed = signed.statement
        if not isinstance(claimed, Invitation):
            raise NotAuthentic("malformed", "this is no invitation")
        mine = Invitation(claimed.run, claimed.round, model, context.node_id, phase)
        verify(signed, {expected}, mine)
        files.follow(mine)
        return mine

    def _protected(
        self, answer: Message, sent: Mapping[str, np.ndarray], files: _Files, asked: Invitation | None
    ) -> None:
        """Clip the update and put it behind noise, as the policy says; the content of the answer is changed."""
        how = self.policy.client
        if how.clip is None:
            return
        found = model_of(answer.content)
        if found is None:
            raise ConfigurationError("the reply to a training must carry the model in one array record, to be clipped")
        name, record = found
        trained = {key: np.asarray(values) for key, values in arrays_of(record).items()}
        if how.noise_multiplier is None or how.epsilon is None:
            answer.content[name] = record_of(_clipped(sent, trained, how.clip))
            return
        budget = Budget(files.state, how.data_set, how.epsilon, how.delta)
        purpose = "" if asked is None else f"run {asked.run} round {asked.round}"
        mechanism = ClippedGaussian(how.clip, how.noise_multiplier)
        reply = release(mechanism, budget, sent, {key: trained[key] for key in sent}, purpose, self._noise)
        log.info("%s", reply.balance)
        # Metrics and the number of examples are computed from the data and would leave past the noise.
        metrics = MetricRecord({self.policy.metrics.examples_key: 1})
        names = list(answer.content.metric_records) or ["metrics"]
        answer.content = RecordDict({name: record_of(reply.released.arrays), names[0]: metrics})

    def _signed(self, answer: Message, asked: Invitation, phase: Phase, key: SigningKey) -> None:
        """Bind this client to its reply."""
        found = model_of(answer.content)
        arrays = {} if phase == "evaluate" or found is None else arrays_of(found[1])
        claimed = [r[self.policy.metrics.examples_key] for r in answer.content.metric_records.values()
                   if self.policy.metrics.examples_key in r]  # fmt: skip
        examples = claimed[0] if claimed and type(claimed[0]) is int and claimed[0] >= 0 else 0
        update = reply_digest(arrays) if arrays else asked.model
        said = Submission(asked.run, asked.round, asked.model, update, examples, phase)
        answer.content[OURS] = ConfigRecord(sign(key, said).record())


class _Files:
    """Where this node keeps its key and state: the node's own configuration goes before the policy."""

    def __init__(self, policy: Policy, home: Path, context: Context) -> None:
        own = context.node_config
        key = own.get("mithridate-key", policy.client.key)
        state = own.get("mithridate-state", policy.client.state)
        self._state = None if state is None else home / Path(str(state)).expanduser()
        self.key = None if key is None else SigningKey.load_or_create(home / Path(str(key)).expanduser())

    @property
    def state(self) -> Path:
        """The folder, made where it is missing.

        Raises:
            ConfigurationError: none is named.
        """
        if self._state is None:
            raise ConfigurationError(
                'no state folder: state = "folder" in [client], or mithridate-state in --node-config'
            )
        self._state.mkdir(parents=True, exist_ok=True, mode=0o700)
        return self._state

    def follow(self, asked: Invitation) -> None:
        """Remember what the server asked for, on the disk, before anything is done about it.

        Raises:
            NotAuthentic: it was asked for before with another model, or lies behind what was followed already.
        """
        path = self.state / "server.json"
        before = Followed.of(json.loads(read(path, _MOST_STATE_BYTES))) if there(path) else Followed()
        after = before.accept(asked)
        if after != before:
            write(path, [json.dumps(after.plain()).encode("ascii")])


def guard_client(policy: str | Path | Policy | None = None, *, noise: Noise = system_noise) -> GuardedClient:
    """The mod that guards a ClientApp: `app = ClientApp(mods=[guard_client("policy.toml")])`.

    In this order, for every training and evaluation: (1) the server's signature over run, round, model and this node is checked,
    where `[client] server` names its key; a second model for one round, a round that goes back and a run that was left are
    refused, over restarts too. (2) A model with a layer made to copy samples into the update is refused, and the app trains on
    any other. (3) The update is clipped and, with a noise-multiplier, put behind Gaussian
    noise that is paid from a budget on the disk. (4) The reply is signed, where there is a key.
    What this client does not agree to is answered with an error that says why.

    Key and state folder are looked for in the node's own configuration first (`--node-config 'mithridate-key="..."
    mithridate-state="..."'`), then in the policy; relative paths begin in the policy's folder.

    Args:
        policy: As for `guard_app`; its [client] table.
        noise: Where the noise comes from; the operating system, but in tests.

    Raises:
        ConfigurationError: the policy is wrong.

    >>> from flwr.clientapp import ClientApp
    >>> app = ClientApp(mods=[guard_client()])
    """
    return GuardedClient(*policy_from(policy, sys._getframe(1).f_globals.get("__file__")), noise)


def _without(message: Message) -> Message:
    """The message as the app expects it."""
    content = RecordDict({name: record for name, record in message.content.items() if name != OURS})
    return message_like(message, content)


def _clipped(sent: Mapping[str, np.ndarray], trained: Mapping[str, np.ndarray], most: float) -> dict[str, np.ndarray]:
    """What was trained, its difference to what was sent no longer than `most`; counters stay."""
    moved = {
        name: trained[name].astype(np.float64) - sent[name]
        for name in sent
        if sent[name].dtype.kind == "f" and name in trained
    }
    norm = float(np.sqrt(sum(float(np.square(each).sum()) for each in moved.values())))
    if not norm > most:
        return dict(trained)
    return {
        name: (sent[name] + moved[name] * (most / norm)).astype(values.dtype) if name in moved else values
        for name, values in trained.items()
    }
