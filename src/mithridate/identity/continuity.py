"""What the server remembers of each key, so that a signed statement counts once and an update belongs to one client.

A value without I/O: `accept` takes a round's verified statements and returns the next memory. It goes into the run's checkpoint,
so that a run that goes on after a crash remembers exactly the rounds that it finished.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from mithridate.core.errors import StoreError
from mithridate.identity.keys import FINGERPRINT
from mithridate.identity.refusal import Reason
from mithridate.identity.statement import Submission, encoded

__all__ = ["MOST_UPDATES", "Continuity", "Last", "Use"]

MOST_UPDATES = 10_000
_HEX_32 = re.compile(r"[0-9a-f]{64}")


class Last(NamedTuple):
    """The last statement of one key in one phase: its round, and SHA-256 of its signed bytes."""

    round: int
    statement: str


class Use(NamedTuple):
    """Who used an update, and on which model."""

    fingerprint: str
    model: str


@dataclass(frozen=True)
class Continuity:
    """The memory of one run.

    Args:
        run: Its id. An id is never used for two runs: what was signed for one would be news to the other.
        last: The last accepted statement, by (fingerprint, phase).
        updates: Whose each of the last `MOST_UPDATES` updates was, by its digest, oldest first.
    """

    run: str
    last: Mapping[tuple[str, str], Last] = field(default_factory=dict)
    updates: Mapping[str, Use] = field(default_factory=dict)

    def in_run(self, run: str) -> Continuity:
        """The memory at the start of a run: of another run only the updates are kept."""
        return self if run == self.run else Continuity(run, {}, self.updates)

    def accept(self, said: Iterable[tuple[str, Submission]]) -> tuple[Continuity, dict[str, Reason]]:
        """Judge a round's statements together; the order in which they came decides nothing.

        | reason | what was said |
        |---|---|
        | wrong-run | a statement of another run |
        | contradicts-itself | two different statements of one key for one round |
        | replayed | this very statement, accepted in an earlier call |
        | stale-round | a statement of a round before the last one accepted |
        | reused-update | an update that this key sent before, on another model |
        | copied-update | an update that another key sent before; or several keys now: then none of them counts |

        An update that is the broadcast model itself was copied from nobody, and a client that trains deterministically on a model
        that did not change sends the same update again: both pass. Evaluations carry no update.

        Args:
            said: Fingerprint and statement of each; verified, of any clients, in any order.

        Returns: The memory with those that were accepted, and the reason for every fingerprint that was not.

        Weak against: an update sent again after `MOST_UPDATES` others, or changed in its last bit; the guard's rules see those.
        """
        by_key: dict[tuple[str, str], set[Submission]] = {}
        for who, each in said:
            by_key.setdefault((who, each.phase), set()).add(each)
        claims = {(who, each.update) for (who, _), several in by_key.items() for each in several if _carries(each)}
        sent = Counter(update for _, update in claims)
        refused: dict[str, Reason] = {}
        last, updates = dict(self.last), dict(self.updates)
        for (who, phase), several in sorted(by_key.items(), key=lambda item: item[0]):
            each = min(several, key=encoded)
            reason = "contradicts-itself" if len(several) > 1 else self._trouble(who, each, sent)
            if reason is not None:
                refused[who] = reason
                continue
            last[who, phase] = Last(each.round, _name(each))
            if _carries(each):
                updates.pop(each.update, None)  # so that it stands last
                updates[each.update] = Use(who, each.model)
        kept = list(updates.items())[-MOST_UPDATES:]
        return replace(self, last=last, updates=dict(kept)), refused

    def _trouble(self, who: str, each: Submission, sent: Mapping[str, int]) -> Reason | None:
        if each.run != self.run:
            return "wrong-run"
        before = self.last.get((who, each.phase))
        if before is not None and each.round <= before.round:
            if each.round < before.round:
                return "stale-round"
            return "replayed" if _name(each) == before.statement else "contradicts-itself"
        if not _carries(each):
            return None
        use = self.updates.get(each.update)
        if sent[each.update] > 1 or (use is not None and use.fingerprint != who):
            return "copied-update"
        return "reused-update" if use is not None and use.model != each.model else None

    def plain(self) -> dict[str, Any]:
        """As texts, whole numbers, tuples and dictionaries: `Continuity.of(c.plain()) == c`."""
        last: dict[str, dict[str, tuple[int, str]]] = {}
        for (who, phase), each in self.last.items():
            last.setdefault(who, {})[phase] = (each.round, each.statement)
        return {
            "run": self.run,
            "last": last,
            "updates": tuple((update, *use) for update, use in self.updates.items()),
        }

    @classmethod
    def of(cls, plain: Any) -> Continuity:
        """The memory that was made plain.

        Raises:
            StoreError: it is not one.
        """
        try:
            last = {
                (who, phase): Last(*each) for who, phases in plain["last"].items() for phase, each in phases.items()
            }
            updates = {update: Use(who, model) for update, who, model in plain["updates"]}
            found = cls(plain["run"], last, updates)
            sound = set(plain) == {"run", "last", "updates"} and found._sound()
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise StoreError("the memory of signed statements is damaged") from error
        if not sound:
            raise StoreError("the memory of signed statements is damaged")
        return found

    def _sound(self) -> bool:
        return (
            isinstance(self.run, str)
            and all(_fits(FINGERPRINT, who) and phase in ("train", "evaluate") for who, phase in self.last)
            and all(type(each.round) is int and _fits(_HEX_32, each.statement) for each in self.last.values())
            and all(_fits(_HEX_32, update) and _fits(_HEX_32, use.model) for update, use in self.updates.items())
            and all(_fits(FINGERPRINT, use.fingerprint) for use in self.updates.values())
        )


def _carries(each: Submission) -> bool:
    return each.phase == "train" and each.update != each.model


def _name(each: Submission) -> str:
    return hashlib.sha256(encoded(each)).hexdigest()


def _fits(pattern: re.Pattern[str], value: Any) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None
