"""One round of the in-process federation: a step per function, all randomness named, every reply through the same door."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from mithridate.attacks.adversary import Trigger
from mithridate.core.cohort import Cohort
from mithridate.core.digest import digest
from mithridate.core.protocols import Memory, Need
from mithridate.guard.admission import Reply, Sent, admit
from mithridate.guard.claims import Refusal
from mithridate.guard.guard import Decision
from mithridate.sim import drift
from mithridate.sim.account import Event, decision_told, quality_told
from mithridate.sim.answering import Answering, Answers
from mithridate.sim.broadcast import Broadcasts
from mithridate.sim.fates import exclusions, fates
from mithridate.sim.members import Called, Members
from mithridate.sim.metrics import Backdoor, Quality, attack_success_rate, backdoor, measure
from mithridate.sim.models import FlatModel, build
from mithridate.sim.probes import Probes
from mithridate.sim.promises import measured
from mithridate.sim.sanitation import told
from mithridate.sim.scenario import Scenario
from mithridate.sim.serving import served
from mithridate.sim.tasks import Task, load
from mithridate.sim.training import Trainer
from mithridate.store.replay import nobody_admitted

__all__ = ["Event", "Federation"]


class Federation:
    """A scenario's data, clients and model, ready to play rounds. Holds nothing that changes from round to round."""

    def __init__(self, scenario: Scenario, threads: int | None = None) -> None:
        self.scenario = scenario
        self.task = _task(scenario)
        self.model: FlatModel = build(scenario.model.name, self.task, scenario.seed, scenario.model.hidden)
        self.trainer = Trainer(self.model, scenario.training, threads)
        how = scenario.training if scenario.fine_tuning is None else scenario.fine_tuning.training
        self._tuner = Trainer(self.model, how, 1)
        self.members = Members(scenario, self.task)
        held = scenario.probes
        self.probes = Probes(self.model, self.task, self.members.root, held.noise, scenario.seed)
        self.broadcasts = Broadcasts(scenario, self.model, self.task, self.members.root, self.probes)
        self.answering = Answering(scenario, self.model, self.trainer, self.members, self.task)
        self.liars = self.answering.liars

    def state(self) -> dict[str, Any]:
        """All that changes, before the first round: plain values, so that it can be stored."""
        model, optimiser = self.model.vector, self.scenario.optimiser.init(self.model.layout.d)
        attack, rollback = self.liars.init(), self.scenario.rollback
        return {
            "model": model,
            "optimiser": optimiser,
            "guard": self.scenario.guard.init(),
            "attack": attack,
            "best": rollback and rollback.first(model, optimiser, self.watched(model, self.liars.trigger(attack))),
            "moved": None,
            "momenta": {},
            "controls": drift.first(self.model.trained) if self.scenario.training.scaffold else None,
            "late": {},
            "excluded": {},
            "seconds": 0.0,
        }

    def play(
        self, round: int, state: dict[str, Any]
    ) -> tuple[Event, dict[str, Any], Cohort | None, tuple[Refusal, ...]]:
        """One round: its event, the state after it, and what was admitted and refused."""
        began = time.perf_counter()
        called, base = self.members.called(round), self.broadcasts.planted(round, state)
        seen = self.broadcasts.posed(round, base)
        answers = self.answering.answers(round, seen, called)
        trained = time.perf_counter()
        sent, replies, waiting = self._replies(round, seen, called, answers)
        cohort, refusals = self._admitted(round, seen, sent, replies)
        decision, guard_memory = self._decided(cohort, state)
        decided = time.perf_counter()
        trigger = self.liars.trigger(answers.attack)
        size, watch = self.model.trained, partial(self.watched, trigger=trigger)
        start = base if decision.refused is None else state
        after_step = served(self.scenario, round, start, decision, size, watch, self.tuning(round))
        model = after_step.model
        quality, success = self.measured(round, model, trigger)
        clients = fates(self.members, called, cohort, refusals, decision)
        lying = called.liars | self.members.lied(state["late"])
        after = {
            "model": model,
            "optimiser": after_step.optimiser,
            "guard": guard_memory,
            "attack": answers.attack,
            "best": None if after_step.alarm is None else after_step.alarm.best,
            "moved": model - seen["model"],
            "momenta": state["momenta"] | answers.momenta,
            "controls": self._controlled(answers.controls, cohort, decision),
            "late": waiting,
            "excluded": exclusions(state["excluded"], clients),
            "seconds": state["seconds"] + time.perf_counter() - began,
        }
        bytes_each = 4 * self.model.layout.d
        event = {
            "event": "round",
            "round": round,
            **quality_told(quality, success),
            **decision_told(decision),
            "theory": measured(self.scenario.guard, cohort, lying, decision),
            "model": digest(model),
            "attack_foiled": answers.foiled,
            "sanitised": told(answers.swept),
            "rollback": after_step.told,
            "clients": clients,
            "refusals": [[refusal.client, refusal.reason, refusal.detail] for refusal in refusals],
            "bytes_up": bytes_each * len(replies),
            "bytes_down": bytes_each * len(called.asked),
            "seconds": {
                "train": trained - began,
                "guard": decided - trained,
                "evaluate": time.perf_counter() - decided,
            },
        }
        return event, after, cohort, refusals

    def _controlled(self, controls: Memory, cohort: Cohort | None, decision: Decision) -> Memory:
        """The control variates after the round; the server's stays where nothing was decided."""
        if controls is None or cohort is None or decision.refused is not None:
            return controls
        share = cohort.present.n / len(self.members.ids)
        return drift.served(controls, self.scenario.training, decision.delta, share)

    def _replies(
        self, round: int, state: Mapping[str, Any], called: Called, answers: Answers
    ) -> tuple[Sent, list[Reply], dict[str, Any]]:
        """The broadcast, what arrives in this round (late answers to the last one included), and what will arrive in the next."""
        layout, rest = self.model.layout, self.model.rest
        sent = Sent(layout.unflatten(state["model"], rest), self.members.ids)
        replies = [
            Reply(client, layout.unflatten(found["model"], rest), self.members.size(client), found["round"])
            for client, found in state["late"].items()
        ]
        waiting = {}
        left = {each.client: each.samples - each.removed for each in answers.swept}
        for client, row in zip(called.answering, answers.models, strict=True):
            if client in called.late:
                waiting[client] = {"model": row.copy(), "round": round}
            else:
                size = left.get(client, self.members.size(client))
                replies.append(Reply(client, layout.unflatten(row, rest), size, round))
        return sent, replies, waiting

    def _admitted(
        self, round: int, state: dict[str, Any], sent: Sent, replies: list[Reply]
    ) -> tuple[Cohort | None, tuple[Refusal, ...]]:
        """The cohort, with what the guard needs beside it."""
        cohort, refusals = admit(sent, replies, round=round, seed=self.scenario.seed, limits=self.scenario.admission)
        return None if cohort is None else self.equipped(cohort, state), refusals

    def equipped(self, cohort: Cohort, state: dict[str, Any]) -> Cohort:
        """The cohort with what the guard needs beside it, measured on the cohort's own model.

        Args:
            cohort: What was admitted.
            state: As the clients saw it; a planted task travels in it.
        """
        needs = self.scenario.guard.needs
        if Need.REFERENCE in needs:
            cohort = replace(cohort, reference=self._reference(cohort.round, cohort.model))
        probes = self.probes.measured(cohort, needs)
        probes |= self.broadcasts.probes(
            cohort.round, cohort, state, partial(self._reference, cohort.round, cohort.model)
        )
        return replace(cohort, probes=probes)

    def _reference(self, round: int, model: np.ndarray) -> np.ndarray:
        """The update of a client who trains on the root set."""
        shards = [self.members.root_shard]
        updates, _ = self.trainer.train(model, shards, round=round, seed=self.scenario.seed)
        return np.asarray(updates[0])

    def _decided(self, cohort: Cohort | None, state: Mapping[str, Any]) -> tuple[Decision, Memory]:
        if cohort is None:
            return nobody_admitted(self.model.layout.d), state["guard"]
        return self.scenario.guard.apply(cohort, state["guard"])

    def tuning(self, round: int) -> Callable[[np.ndarray], np.ndarray] | None:
        """What the server does to the model after this round, if it fine-tunes then."""
        how = self.scenario.fine_tuning
        return partial(self._tuned, round) if how is not None and how.due(round) else None

    def _tuned(self, round: int, model: np.ndarray) -> np.ndarray:
        shards = [self.members.root_shard]
        found, _ = self._tuner.models(model, shards, round=round, seed=self.scenario.seed)
        return np.array(found[0])

    def watched(self, model: np.ndarray, trigger: Trigger | None) -> float:
        """What a rollback watches."""
        if self.scenario.rollback is not None and self.scenario.rollback.watch == "asr":
            rate = attack_success_rate(self.model, model, self.task, trigger)
            return 0.0 if rate is None else rate
        return self.probes.loss(model)

    def measured(self, round: int, model: np.ndarray, trigger: Trigger | None) -> tuple[Quality | None, Backdoor]:
        """Quality and what the backdoor achieves after a round, as often and on as much as the scenario says."""
        how, last = self.scenario.evaluation, round == self.scenario.rounds - 1
        if not last and (round + 1) % how.every:
            return None, Backdoor()
        samples = None if last else how.samples
        quality = measure(self.model, model, self.task, samples)
        return quality, backdoor(self.model, model, self.task, trigger, quality, samples)


def _task(scenario: Scenario) -> Task:
    task = load(scenario.task.name, scenario.task.path)
    return task if scenario.task.limit is None else task.limited(scenario.task.limit, scenario.seed)
