"""Who is let in: invitations are signed, submissions are verified, and deeds are remembered by key, not by node."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from flwr.app import ConfigRecord

from mithridate.core.digest import digest
from mithridate.core.errors import ConfigurationError
from mithridate.guard.claims import Reason, Refused
from mithridate.guard.policy import Identity
from mithridate.identity.continuity import Continuity
from mithridate.identity.enrolment import Enrolment, Member, parse_enrolment
from mithridate.identity.keys import SigningKey
from mithridate.identity.refusal import NotAuthentic
from mithridate.identity.statement import Invitation, Phase, Submission, received, sign
from mithridate.identity.verify import verify

__all__ = ["Gate", "Round", "reply_digest"]


@dataclass(eq=False)
class Round:
    """What identity knows of one batch.

    Args:
        number: The round.
        phase: What was asked for.
        model: Digest of what was sent.
        said: Verified statements, by the client's name.
    """

    number: int
    phase: Phase
    model: str
    said: dict[str, list[tuple[str, Submission]]] = field(default_factory=dict)


class Gate:
    """Keys and list of one run.

    With require = "signature" every reply must be signed by an enrolled key, over run, round, model, update and examples; a
    client is then called by its enrolled name, whichever node it answers from. The list is read anew in every round, so that a
    revocation counts from the next round on. With "node-key" nodes without a key are not asked. With "none" nodes are known by
    key or number.

    Args:
        policy: What is asked for.
        run: The run's id: never used twice.
        home: The folder that relative paths begin in.

    Raises:
        ConfigurationError: no list, or no usable key, where the policy asks for one.
    """

    def __init__(self, policy: Identity, run: str, home: Path) -> None:
        self.policy, self.run = policy, run
        self._list = None if policy.enrolment is None else home / policy.enrolment
        self._enrolled: Enrolment | None = None
        self._key = None if policy.server_key is None else SigningKey.load_or_create(home / policy.server_key)
        self.continuity = Continuity(run)
        self.read_list()

    @property
    def signed(self) -> bool:
        """Whether replies must be signed."""
        return self.policy.require == "signature"

    def read_list(self) -> None:
        """The enrolment list as it stands now."""
        if self._list is None:
            return
        try:
            text = self._list.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"{self._list}: the enrolment list cannot be read: {error}") from error
        self._enrolled = parse_enrolment(text, str(self._list))

    def begun(self, number: int, phase: Phase, arrays: Mapping[str, np.ndarray]) -> Round | None:
        """The start of a batch; None where nobody is asked for a signature and nothing is signed."""
        if not self.signed and self._key is None:
            return None
        self.read_list()
        return Round(number, phase, reply_digest(arrays))

    def invitation(self, round: Round, node: int) -> ConfigRecord:
        """What the server says to one node about the round: signed, where the server has a key."""
        said = Invitation(self.run, round.number, round.model, node, round.phase)
        if self._key is None:
            return ConfigRecord({name: getattr(said, name) for name in said.wire})
        return ConfigRecord(sign(self._key, said).record())

    def vouched(self, round: Round, record: Any, arrays: Mapping[str, np.ndarray], examples: Any) -> str:
        """The enrolled name of who signed a reply.

        Args:
            round: The batch.
            record: What the reply says of itself.
            arrays: What it brings.
            examples: What it claims.

        Raises:
            Refused: unsigned, or signed otherwise than the reply that came, or by nobody who may speak.
        """
        if record is None:
            raise Refused("unsigned", "the reply carries no signature")
        if self._enrolled is None:
            raise Refused("not-enrolled", "there is no enrolment list")
        try:
            signed = received(Submission, _mapping(record), phase=round.phase)
            claimed = examples if type(examples) is int and examples >= 0 else 0
            update = reply_digest(arrays) if arrays else round.model
            expected = Submission(self.run, round.number, round.model, update, claimed, round.phase)
            who = verify(signed, _Everybody(), expected)
        except NotAuthentic as odd:
            raise Refused(odd.reason, odd.detail) from odd
        member = self._enrolled.member(who)
        if not isinstance(member, Member):
            raise Refused(member, f"the key {who}")
        if isinstance(signed.statement, Submission):
            round.said.setdefault(member.name, []).append((who, signed.statement))
        return member.name

    def closed(self, round: Round, seed: int) -> dict[str, tuple[Reason, str]]:
        """Who of a batch is refused after all: repeated or copied statements, and organisations beyond their share."""
        if not self.signed or self._enrolled is None:
            return {}
        names = {who: name for name, several in round.said.items() for who, _ in several}
        self.continuity, odd = self.continuity.accept(each for several in round.said.values() for each in several)
        found: dict[str, tuple[Reason, str]] = {names[who]: (why, "the signed statement") for who, why in odd.items()}
        staying = [who for who, name in names.items() if name not in found]
        for who in self._enrolled.capped(staying, round.number, seed):
            found[names[who]] = ("organisation-cap", "more of its organisation than may speak in one round")
        return found


class _Everybody:
    """Any key may be looked at: the list says afterwards who it is, in words of its own."""

    def __contains__(self, who: object) -> bool:
        return True


def reply_digest(arrays: Mapping[str, np.ndarray]) -> str:
    """The digest that both sides sign: of named arrays, whatever order they come in.

    >>> reply_digest({"a": np.zeros(1), "b": np.ones(1)}) == reply_digest({"b": np.ones(1), "a": np.zeros(1)})
    True
    """
    return digest(dict(arrays))


def _mapping(record: Any) -> Any:
    """A plain dictionary of Flower's record; anything else as it is, for `received` to refuse."""
    return dict(record) if isinstance(record, Mapping) else record
