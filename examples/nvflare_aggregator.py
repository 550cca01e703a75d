"""The guard as an Aggregator of NVIDIA FLARE: name this class where the job names its aggregator, and nothing else changes.

For workflows such as ScatterAndGather that take an Aggregator, with NumPy arrays in DXOs of kind WEIGHT_DIFF or WEIGHTS. Tried
with nvflare 2.9.0, by calling it as that workflow does; mithridate does not depend on nvflare.
"""

from pathlib import Path

import numpy as np
from nvflare.apis.dxo import DXO, DataKind, MetaKey, from_shareable
from nvflare.apis.fl_constant import ReservedKey, ReturnCode
from nvflare.app_common.abstract.aggregator import Aggregator
from nvflare.app_common.abstract.model import ModelLearnableKey
from nvflare.app_common.app_constant import AppConstants

from mithridate.guard.bridge import GuardedRounds
from mithridate.guard.policy import Policy, read_policy


class GuardedAggregator(Aggregator):
    """Admits, judges and aggregates what the clients send.

    Args:
        policy: A policy file; None for the default.
        kind: "WEIGHT_DIFF" or "WEIGHTS", as the clients send.
    """

    def __init__(self, policy=None, kind=DataKind.WEIGHT_DIFF):
        super().__init__()
        chosen = Policy() if policy is None else read_policy(Path(policy).read_text(encoding="utf-8"), policy)
        self.kind, self.rounds = kind, GuardedRounds(chosen)
        self.replies, self.examples = {}, {}

    def accept(self, shareable, fl_ctx):
        """Keep a reply until the round is over; FLARE vouches for its sender."""
        client = shareable.get_peer_prop(ReservedKey.IDENTITY_NAME, default=None)
        if client is None or shareable.get_return_code() != ReturnCode.OK:
            return False
        try:
            dxo = from_shareable(shareable)
        except ValueError:
            return False
        if dxo.data_kind != self.kind:
            return False
        self.replies[client] = dxo.data
        self.examples[client] = dxo.get_meta_prop(MetaKey.NUM_STEPS_CURRENT_ROUND, 1)
        return True

    def aggregate(self, fl_ctx):
        """The round's model or difference; a refused round changes nothing."""
        sent = fl_ctx.get_prop(AppConstants.GLOBAL_MODEL)[ModelLearnableKey.WEIGHTS]
        if self.kind == DataKind.WEIGHT_DIFF:
            sent = {name: np.zeros_like(array) for name, array in sent.items()}
        verdict = self.rounds.decide(sent, self.replies, self.examples)
        self.replies, self.examples = {}, {}
        if verdict.out or verdict.refused:
            self.log_warning(fl_ctx, f"left out: {dict(verdict.out)}; round refused: {verdict.refused}")
        return DXO(self.kind, data=verdict.model).to_shareable()
