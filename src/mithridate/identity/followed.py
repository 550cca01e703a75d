"""What a client remembers of its server: a replayed invitation, or a second model for one round, is refused."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from mithridate.core.errors import StoreError
from mithridate.identity.refusal import NotAuthentic
from mithridate.identity.statement import Invitation

__all__ = ["Followed"]

MOST_RUNS = 256


@dataclass(frozen=True)
class Followed:
    """Where a client stands with one server.

    Args:
        run: The run that it follows; empty before the first.
        train: (round, model) of the last training that it was asked for, if any.
        evaluate: The same of the last evaluation.
        past: Runs that it followed before, oldest first; at most `MOST_RUNS`.
    """

    run: str = ""
    train: tuple[int, str] | None = None
    evaluate: tuple[int, str] | None = None
    past: tuple[str, ...] = ()

    def accept(self, asked: Invitation) -> Followed:
        """The memory after a verified invitation. The same one again is a retry of the network and changes nothing.

        A server that could show each client a model of its own could read one client's data off its reply, and make a client's
        honest update look like a lie. Here it is held to one model for a round and phase, as far as this client sees.

        Raises:
            NotAuthentic: wrong-run (a run that was left before), stale-round, or contradicts-itself (a second model).
        """
        if asked.run in self.past:
            raise NotAuthentic("wrong-run", f"run {asked.run} was left before")
        here = self
        if asked.run != self.run:
            here = Followed(asked.run, past=(*self.past, *([self.run] if self.run else []))[-MOST_RUNS:])
        last = here.train if asked.phase == "train" else here.evaluate
        if last is not None and asked.round < last[0]:
            raise NotAuthentic("stale-round", f"round {asked.round}, after round {last[0]}")
        if last is not None and asked.round == last[0] and asked.model != last[1]:
            raise NotAuthentic("contradicts-itself", f"a second model for round {asked.round}")
        now = (asked.round, asked.model)
        return replace(here, train=now) if asked.phase == "train" else replace(here, evaluate=now)

    def plain(self) -> dict[str, Any]:
        """As JSON can carry it: `Followed.of(f.plain()) == f`."""
        return {"run": self.run, "train": self.train, "evaluate": self.evaluate, "past": self.past}

    @classmethod
    def of(cls, plain: Any) -> Followed:
        """The memory that was made plain, tuples or lists.

        Raises:
            StoreError: it is not one.
        """
        try:
            found = cls(plain["run"], _step(plain["train"]), _step(plain["evaluate"]), tuple(plain["past"]))
            sound = len(plain) == 4 and all(isinstance(run, str) for run in (found.run, *found.past))
        except (KeyError, TypeError, ValueError) as error:
            raise StoreError("the memory of the server's invitations is damaged") from error
        if not sound:
            raise StoreError("the memory of the server's invitations is damaged")
        return found


def _step(value: Any) -> tuple[int, str] | None:
    if value is None:
        return None
    round, model = value
    if type(round) is not int or not isinstance(model, str):
        raise TypeError("not a round and a model")
    return round, model
