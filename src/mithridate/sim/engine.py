"""The in-process federation: one function per step of a round, all randomness named, every reply through the same door."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mithridate.attacks.adversary import Adversary
from mithridate.attacks.view import View
from mithridate.core.cohort import Cohort
from mithridate.core.digest import digest
from mithridate.core.errors import ConfigurationError, Diverged, StoreError, UnmetPrecondition
from mithridate.core.protocols import Memory, Need
from mithridate.core.randomness import stream
from mithridate.guard.admission import Refusal, Reply, Sent, admit
from mithridate.guard.guard import Decision
from mithridate.sim.metrics import Quality, attack_success_rate, losses, measure
from mithridate.sim.models import FlatModel, build
from mithridate.sim.partition import minority
from mithridate.sim.scenario import Scenario, dump_scenario
from mithridate.sim.tasks import Task, load
from mithridate.sim.training import Shard, Trainer, one_torch_thread
from mithridate.store.manifest import code_version, manifest
from mithridate.store.replay import nobody_admitted
from mithridate.store.rounds import empty_cohort, save_round
from mithridate.store.run import RunFolder

__all__ = ["Federation", "Run", "simulate"]

Event = dict[str, Any]
Observer = Callable[[Event], None]

_ROOT_SAMPLES = 100


@dataclass(frozen=True, eq=False)
class Run:
    """What came out of a scenario.

    Args:
        scenario: What was run.
        model: (d,) float32, the final global model.
        accuracy: On all test samples, in [0, 1].
        asr: Attack success rate on all test samples of other classes, in [0, 1]; None without a backdoor.
        excluded: Per client that was ever dropped or refused: whether it lied, in how many rounds, and why.
        events: Everything that was observed, one dictionary per event.
        seconds: Wall time, over all sessions of a resumed run.
        folder: The run directory, if there is one.
    """

    scenario: Scenario
    model: np.ndarray
    accuracy: float
    asr: float | None
    excluded: dict[str, dict[str, Any]]
    events: tuple[Event, ...]
    seconds: float
    folder: Path | None = None

    @property
    def model_digest(self) -> str:
        """SHA-256 of the final model."""
        return digest(self.model)

    @property
    def rounds(self) -> int:
        return self.scenario.rounds


def simulate(
    scenario: Scenario,
    observe: Observer | None = None,
    folder: str | Path | None = None,
    *,
    threads: int | None = None,
) -> Run:
    """Run a scenario to its end.

    The result depends on the scenario alone: the same on every run of one machine, whatever the number of threads, and the
    same whether or not it was interrupted. With a folder, every round is on the disk before the next begins, and a run that
    was killed goes on after its last finished round; a finished run is read, not repeated.

    Args:
        scenario: The federation.
        observe: Called with every event as it happens.
        folder: The run directory, new or of the same scenario.
        threads: Clients trained at once; None for all cores.

    Raises:
        ConfigurationError: parts of the scenario that turn out not to work together, such as a model too large for the images.
        Diverged: the global model is no longer finite.
        DataError: the data is missing.
        StoreError: the folder holds another scenario's run, or is damaged.
    """
    federation = Federation(scenario, threads)
    run = None if folder is None else _opened(Path(folder), federation)
    try:
        return _run(federation, run, observe or (lambda event: None))
    finally:
        if run is not None:
            run.close()


class Federation:
    """A scenario's data, clients and model, ready to play rounds. Holds nothing that changes from round to round."""

    def __init__(self, scenario: Scenario, threads: int | None = None) -> None:
        self.scenario = scenario
        self.task = _task(scenario)
        self.model: FlatModel = build(scenario.model.name, self.task, scenario.seed, scenario.model.hidden)
        self.trainer = Trainer(self.model, scenario.training, threads)
        self.ids = tuple(f"c{i:03d}" for i in range(scenario.clients.count))
        self.root, pool = self._held_out()
        rng = stream(scenario.seed, 0, "partition")
        y = self.task.y[pool]
        parts = scenario.clients.partition.split(y, len(self.ids), self.task.classes, rng)
        self.parts = {client: pool[part] for client, part in zip(self.ids, parts, strict=True)}
        self.minority = dict(zip(self.ids, minority(parts, y, self.task.classes).tolist(), strict=True))
        self._x = torch.from_numpy(self.task.normalised(self.task.x))
        self._y = torch.from_numpy(self.task.y)
        self._poisoned: dict[str, Shard] = {}
        self._check_attack()

    def _held_out(self) -> tuple[np.ndarray, np.ndarray]:
        """A small clean root set, where the guard needs one, and everybody else's samples."""
        order = stream(self.scenario.seed, 0, "root").permutation(len(self.task.y))
        kept = _ROOT_SAMPLES if self.scenario.guard.needs else 0
        return np.sort(order[:kept]), np.sort(order[kept:])

    def _check_attack(self) -> None:
        """Fail now, not in round 7, if the attack cannot work in this federation."""
        attack = self.scenario.attack
        if attack is None or not attack.liars:
            return
        if attack.trigger is not None:
            attack.poison(self.task.x[:2], self.task.y[:2], self.task.classes, np.random.default_rng(0))
        elif attack.data is not None:
            attack.data.poison(self.task.x[:2], self.task.y[:2], self.task.classes, np.random.default_rng(0))

    def state(self) -> dict[str, Any]:
        """All that changes, before the first round: plain values, so that it can be stored."""
        attack = self.scenario.attack
        return {
            "model": self.model.vector,
            "optimiser": self.scenario.optimiser.init(self.model.layout.d),
            "guard": self.scenario.guard.init(),
            "attack": None if attack is None else attack.init(),
            "moved": None,
            "momenta": {},
            "late": {},
            "excluded": {},
            "seconds": 0.0,
        }

    def play(
        self, round: int, state: dict[str, Any]
    ) -> tuple[Event, dict[str, Any], Cohort | None, tuple[Refusal, ...]]:
        """One round: its event, the state after it, and what was admitted and refused."""
        began = time.perf_counter()
        asked, answering, late = self._participants(round)
        liars = self._liars(round, answering)
        updates, momenta = self._trained(round, state, answering, liars)
        updates, attack_memory, foiled = self._attacked(round, state, answering, liars, updates)
        trained = time.perf_counter()

        sent, replies, waiting = self._replies(round, state, answering, updates, late)
        brought: dict[str, Any] = {}
        if Need.REFERENCE in self.scenario.guard.needs:
            brought["reference"] = self._reference(round, state)
        cohort, refusals = admit(
            sent, replies, round=round, seed=self.scenario.seed, limits=self.scenario.admission, **brought
        )
        if cohort is not None and Need.LOSSES in self.scenario.guard.needs:
            x, y = self.task.normalised(self.task.x[self.root]), self.task.y[self.root]
            with one_torch_thread():
                cohort = replace(cohort, losses=losses(self.model, state["model"], cohort.updates, x, y))
        decision, guard_memory = self._decided(cohort, state)
        decided = time.perf_counter()

        model, optimiser = state["model"], state["optimiser"]
        if decision.refused is None:
            with np.errstate(over="ignore", invalid="ignore"):  # seen to in the next lines
                model, optimiser = self.scenario.optimiser.step(model, decision.delta, optimiser)
        if not np.isfinite(model).all():
            raise Diverged(
                f"the global model is not finite after round {round}: lower the learning rates, or guard the federation"
            )
        after = {
            "model": model,
            "optimiser": optimiser,
            "guard": guard_memory,
            "attack": attack_memory,
            "moved": model - state["model"],
            "momenta": state["momenta"] | momenta,
            "late": waiting,
            "excluded": state["excluded"],
            "seconds": state["seconds"],
        }
        quality, asr = self.measured(round, model)
        clients = self._fates(asked, answering, late, liars, cohort, refusals, decision)
        after["excluded"] = _excluded(state["excluded"], clients)
        after["seconds"] = state["seconds"] + time.perf_counter() - began
        bytes_each = 4 * self.model.layout.d
        event = {
            "event": "round",
            "round": round,
            "accuracy": None if quality is None else quality.accuracy,
            "asr": asr,
            "base_rate": self._base_rate(quality),
            "loss": None if quality is None else _finite(quality.loss),
            "per_class": None if quality is None else [_finite(share) for share in quality.per_class],
            "decision": decision.digest,
            "model": digest(model),
            "refused": decision.refused,
            "attack_foiled": foiled,
            "delta_norm": float(np.linalg.norm(decision.delta.astype(np.float64))),
            "clients": clients,
            "refusals": [[refusal.client, refusal.reason, refusal.detail] for refusal in refusals],
            "bytes_up": bytes_each * len(replies),
            "bytes_down": bytes_each * len(asked),
            "seconds": {
                "train": trained - began,
                "guard": decided - trained,
                "evaluate": time.perf_counter() - decided,
            },
        }
        return event, after, cohort, refusals

    def _participants(self, round: int) -> tuple[tuple[str, ...], tuple[str, ...], frozenset[str]]:
        """Who is asked, who of them trains and answers, and whose answer will come too late."""
        clients, rng = self.scenario.clients, stream(self.scenario.seed, round, "participants")
        count = clients.per_round or len(self.ids)
        asked = tuple(self.ids[i] for i in np.sort(rng.permutation(len(self.ids))[:count]))
        lost, slow = rng.random(count) < clients.drop_out, rng.random(count) < clients.straggler
        answering = tuple(client for client, gone in zip(asked, lost, strict=True) if not gone)
        late = frozenset(client for client, is_slow in zip(asked, slow, strict=True) if is_slow) & set(answering)
        return asked, answering, late

    def _liars(self, round: int, answering: tuple[str, ...]) -> frozenset[str]:
        """Who lies in this round."""
        attack, seed = self.scenario.attack, self.scenario.seed
        if attack is None or not attack.schedule.active(round, stream(seed, round, "schedule")):
            return frozenset()
        chosen = attack.schedule.liars(self.ids, attack.liars, round, stream(seed, 0, "liars"))
        return frozenset(chosen) & set(answering)

    def _trained(
        self, round: int, state: Mapping[str, Any], answering: tuple[str, ...], liars: frozenset[str]
    ) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        shards = [self._dirty(client) if client in liars else self._clean(client) for client in answering]
        updates, momenta = self.trainer.train(
            state["model"],
            shards,
            round=round,
            seed=self.scenario.seed,
            momenta=[state["momenta"].get(client) for client in answering],
        )
        return updates, {c: m for c, m in zip(answering, momenta, strict=True) if m is not None}

    def _clean(self, client: str) -> Shard:
        return Shard(client, self._x, self._y, torch.from_numpy(self.parts[client]))

    def _dirty(self, client: str) -> Shard:
        """A liar's shard, poisoned once and for all."""
        attack = self.scenario.attack
        if attack is None or (attack.data is None and attack.trigger is None):
            return self._clean(client)
        if client not in self._poisoned:
            rows, rng = self.parts[client], stream(self.scenario.seed, 0, f"poison:{client}")
            x, y = attack.poison(self.task.x[rows], self.task.y[rows], self.task.classes, rng)
            self._poisoned[client] = Shard(client, torch.from_numpy(self.task.normalised(x)), torch.from_numpy(y))
        return self._poisoned[client]

    def _attacked(
        self,
        round: int,
        state: Mapping[str, Any],
        answering: tuple[str, ...],
        liars: frozenset[str],
        updates: np.ndarray,
    ) -> tuple[np.ndarray, Memory, str | None]:
        """The updates with the liars' rows replaced by their lies; and why they are not, where the round allows no lie."""
        attack: Adversary | None = self.scenario.attack
        lying = np.array([client in liars for client in answering], bool)
        if attack is None or attack.update is None or not lying.any():
            return updates, state["attack"], None
        view = View(
            model=state["model"],
            own=updates[lying],
            others=updates[~lying],
            honest=tuple(c for c in answering if c not in liars),
            guard=self.scenario.guard,
            clients=tuple(c for c in answering if c in liars),
            round=round,
            previous=state["moved"],
            memory=state["attack"],
            rng=stream(self.scenario.seed, round, "attack"),
            n_total=len(answering),
        )
        try:
            lies, memory = attack.craft(view)
        except UnmetPrecondition as reason:
            if self.scenario.clients.by_chance:  # this draw of clients does not allow the lie, the next one may
                return updates, state["attack"], str(reason)
            raise ConfigurationError(f"the attack cannot be made in round {round}: {reason}") from reason
        updates[lying] = lies
        return updates, memory, None

    def _replies(
        self,
        round: int,
        state: Mapping[str, Any],
        answering: tuple[str, ...],
        updates: np.ndarray,
        late: frozenset[str],
    ) -> tuple[Sent, list[Reply], dict[str, Any]]:
        """The broadcast, what arrives in this round (late answers to the last one included), and what will arrive in the next."""
        layout, rest = self.model.layout, self.model.rest
        sent = Sent(layout.unflatten(state["model"], rest), self.ids)
        replies = [
            Reply(client, layout.unflatten(found["model"], rest), self._size(client), found["round"])
            for client, found in state["late"].items()
        ]
        waiting = {}
        with np.errstate(over="ignore", invalid="ignore"):
            for client, update in zip(answering, updates, strict=True):
                trained = state["model"] + update
                if client in late:
                    waiting[client] = {"model": trained, "round": round}
                else:
                    replies.append(Reply(client, layout.unflatten(trained, rest), self._size(client), round))
        return sent, replies, waiting

    def _size(self, client: str) -> int:
        return len(self.parts[client])

    def _reference(self, round: int, state: Mapping[str, Any]) -> np.ndarray:
        """The update of a client who trains on the root set."""
        shard = Shard("root", self._x, self._y, torch.from_numpy(self.root))
        updates, _ = self.trainer.train(state["model"], [shard], round=round, seed=self.scenario.seed)
        return np.asarray(updates[0])

    def _decided(self, cohort: Cohort | None, state: Mapping[str, Any]) -> tuple[Decision, Memory]:
        if cohort is None:
            return nobody_admitted(self.model.layout.d), state["guard"]
        return self.scenario.guard.apply(cohort, state["guard"])

    def _base_rate(self, quality: Quality | None) -> float | None:
        """How often the trigger's target is answered without the trigger; None without a backdoor."""
        trigger = None if self.scenario.attack is None else self.scenario.attack.trigger
        return None if quality is None or trigger is None else quality.base_rate(trigger.target)

    def measured(self, round: int, model: np.ndarray) -> tuple[Quality | None, float | None]:
        """Quality and attack success rate after a round, as often and on as much as the scenario says."""
        how, last = self.scenario.evaluation, round == self.scenario.rounds - 1
        if not last and (round + 1) % how.every:
            return None, None
        samples = None if last else how.samples
        trigger = None if self.scenario.attack is None else self.scenario.attack.trigger
        return (
            measure(self.model, model, self.task, samples),
            attack_success_rate(self.model, model, self.task, trigger, samples),
        )

    def _fates(
        self,
        asked: tuple[str, ...],
        answering: tuple[str, ...],
        late: frozenset[str],
        liars: frozenset[str],
        cohort: Cohort | None,
        refusals: Sequence[Refusal],
        decision: Decision,
    ) -> list[Event]:
        """What became of every client that was asked, one row each."""
        admitted = set() if cohort is None else {client for row in cohort.clients for client in row}
        refused = {refusal.client: refusal for refusal in refusals if refusal.client not in admitted}
        marks = {mark.client: mark for mark in decision.marks if mark.dropped}
        clipped = {mark.client: mark for mark in decision.marks if not mark.dropped}
        counted = set(decision.counted)
        fates = []
        for client in asked:
            fate: Event = {
                "client": client,
                "liar": client in liars,
                "minority": self.minority[client],
                "examples": self._size(client),
                "status": "absent",
                "share": None,
                "stage": None,
                "reason": None,
                "score": None,
                "threshold": None,
            }
            mark = marks.get(client) or clipped.get(client)
            if mark is not None:
                fate |= {"stage": mark.stage, "reason": mark.reason}
                fate |= {"score": _finite(mark.score), "threshold": _finite(mark.threshold)}
            if client in counted:
                share = None if decision.share is None else decision.share.get(client, 0.0)
                fate |= {"status": "counted", "share": share}
            elif client in admitted:
                fate |= {"status": "dropped"}
                if mark is None:
                    fate |= {"stage": "guard", "reason": "round-refused"}
            elif client in late:
                fate |= {"status": "late", "reason": "late"}
            elif client in answering and client in refused:
                fate |= {"status": "refused", "stage": "admission", "reason": refused[client].reason}
            fates.append(fate)
        return fates


def _run(federation: Federation, run: RunFolder | None, observe: Observer) -> Run:
    scenario, state, first = federation.scenario, federation.state(), 0
    events: list[Event] = []
    if run is not None:
        found = run.load_checkpoint()
        if found is not None:
            first, state = found[0] + 1, found[1]
        done = run.status == "finished"
        if not done:
            run.rewind(first - 1)
        events = list(run.events())
        if done:
            return _result(federation, state, events, run)

    def tell(event: Event) -> None:
        events.append(event)
        if run is not None:
            run.append(event)

    if not events:
        tell(_started(scenario, run))
    observe(events[0] | {"resumed_at": first})
    for round in range(first, scenario.rounds):
        before = state
        event, state, cohort, refusals = federation.play(round, before)
        if run is not None and scenario.record:
            nobody = empty_cohort(before["model"], round=round, seed=scenario.seed)
            save_round(run, nobody if cohort is None else cohort, refusals)
        tell(event)
        if run is not None:
            run.save_checkpoint(round, state)
        observe(event)
    last = events[-1]
    finished = {
        "event": "finished",
        "accuracy": last["accuracy"],
        "asr": last["asr"],
        "model_digest": digest(state["model"]),
        "rounds": scenario.rounds,
        "seconds": state["seconds"],
    }
    if run is not None:
        run.save_model(federation.model.layout.unflatten(state["model"], federation.model.rest))
    tell(finished)
    observe(finished)
    return _result(federation, state, events, run)


def _started(scenario: Scenario, run: RunFolder | None) -> Event:
    return {
        "event": "started",
        "id": scenario.name if run is None else run.path.name,
        "name": scenario.name,
        "version": code_version(),
        "config_digest": scenario.digest,
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "rounds": scenario.rounds,
    }


def _result(federation: Federation, state: Mapping[str, Any], events: Sequence[Event], run: RunFolder | None) -> Run:
    finished = events[-1]
    return Run(
        scenario=federation.scenario,
        model=np.asarray(state["model"]),
        accuracy=finished["accuracy"],
        asr=finished["asr"],
        excluded=dict(state["excluded"]),
        events=tuple(events),
        seconds=state["seconds"],
        folder=None if run is None else run.path,
    )


def _opened(path: Path, federation: Federation) -> RunFolder:
    scenario = federation.scenario
    if (path / "manifest.json").exists():
        run = RunFolder.open(path)
        if run.manifest["config_digest"] != scenario.digest:
            raise StoreError(f"{path} holds a run of another scenario: choose another folder, or start it afresh")
        return run
    content = manifest(
        config_digest=scenario.digest,
        seeds=[scenario.seed],
        data_digest=federation.task.digest,
        provenance=f"{federation.task.provenance}: {federation.task.source}",
        time=datetime.now(UTC).isoformat(timespec="seconds"),
        more={
            "name": scenario.name,
            "model_parameters": federation.model.layout.d,
            "test_samples": federation.task.test_samples,
        },
    )
    return RunFolder.create(path, content, dump_scenario(scenario))


def _task(scenario: Scenario) -> Task:
    task = load(scenario.task.name, scenario.task.path)
    return task if scenario.task.limit is None else task.limited(scenario.task.limit, scenario.seed)


def _excluded(before: Mapping[str, Any], clients: Sequence[Event]) -> dict[str, Any]:
    """The tally of exclusions with one more round."""
    tally = dict(before)
    for fate in clients:
        if fate["status"] not in ("dropped", "refused"):
            continue
        old = tally.get(fate["client"], {"liar": False, "rounds": 0, "reasons": {}})
        reason = fate["reason"]
        tally[fate["client"]] = {
            "liar": old["liar"] or fate["liar"],
            "rounds": old["rounds"] + 1,
            "reasons": old["reasons"] | {reason: old["reasons"].get(reason, 0) + 1},
        }
    return tally


def _finite(number: float) -> float | None:
    """A number that JSON can carry."""
    return float(number) if math.isfinite(number) else None
