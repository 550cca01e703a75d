"""The guard as a Strategy around a Strategy, for those who would rather change that line than the last one of server_app.py."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from flwr.app import ArrayRecord, ConfigRecord, Message, MetricRecord
from flwr.serverapp import Grid
from flwr.serverapp.strategy import Result, Strategy

from mithridate.core.errors import ConfigurationError
from mithridate.flower.grid import Identify, by_key
from mithridate.flower.keeper import Bring, Watch
from mithridate.flower.server import guarding, policy_from
from mithridate.guard.policy import Policy

__all__ = ["GuardedStrategy"]


class GuardedStrategy(Strategy):
    """A Strategy whose rounds pass through a guard: `strategy = GuardedStrategy(FedAdam(), "policy.toml")`.

    Its `start` puts the guard around the Grid and starts the inner strategy on that; everything else is the inner strategy's.
    The same as `guard_app` for an app that does nothing but start one strategy; a loop that calls the Grid itself needs that.

    Args:
        strategy: Any strategy.
        policy: As for `guard_app`.
        bring: As for `guard_app`.
        identify: As for `guard_app`.
        watchers: As for `guard_app`.

    Raises:
        ConfigurationError: not a strategy, or a wrong policy.

    >>> from flwr.serverapp.strategy import FedAvg
    >>> strategy = GuardedStrategy(FedAvg())
    """

    def __init__(
        self,
        strategy: Strategy,
        policy: str | Path | Policy | None = None,
        *,
        bring: Bring | None = None,
        identify: Identify = by_key,
        watchers: Sequence[Watch] = (),
    ) -> None:
        if not isinstance(strategy, Strategy) or isinstance(strategy, GuardedStrategy):
            raise ConfigurationError(
                f"GuardedStrategy takes a Flower strategy that is not guarded yet, not {strategy!r}"
            )
        self.strategy = strategy
        self._policy, self._home = policy_from(policy, sys._getframe(1).f_globals.get("__file__"))
        self._how = bring, identify, tuple(watchers)

    def start(
        self,
        grid: Grid,
        initial_arrays: ArrayRecord,
        num_rounds: int = 3,
        timeout: float = 3600,
        train_config: ConfigRecord | None = None,
        evaluate_config: ConfigRecord | None = None,
        evaluate_fn: Callable[[int, ArrayRecord], MetricRecord | None] | None = None,
    ) -> Result:
        """Run the inner strategy on a guarded Grid."""
        with guarding(grid, self._policy, *self._how, self._home) as guarded:
            return self.strategy.start(
                guarded, initial_arrays, num_rounds, timeout, train_config, evaluate_config, evaluate_fn
            )

    def configure_train(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        return self.strategy.configure_train(server_round, arrays, config, grid)

    def aggregate_train(
        self, server_round: int, replies: Iterable[Message]
    ) -> tuple[ArrayRecord | None, MetricRecord | None]:
        return self.strategy.aggregate_train(server_round, replies)

    def configure_evaluate(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        return self.strategy.configure_evaluate(server_round, arrays, config, grid)

    def aggregate_evaluate(self, server_round: int, replies: Iterable[Message]) -> MetricRecord | None:
        return self.strategy.aggregate_evaluate(server_round, replies)

    def summary(self) -> None:
        self.strategy.summary()
