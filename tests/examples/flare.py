"""Stand-ins for the few names of NVIDIA FLARE that the example uses, shaped as in nvflare 2.9, where it is not installed."""

from __future__ import annotations

from types import ModuleType
from typing import Any


class Shareable(dict):
    """A reply or a result: a dictionary with a few readers."""

    def get_peer_prop(self, key: str, default: Any) -> Any:
        return (self.get("peer") or {}).get(key, default)

    def set_peer_props(self, props: dict[str, Any]) -> None:
        self["peer"] = props

    def get_return_code(self) -> str:
        return self.get("code", "OK")

    def set_return_code(self, code: str) -> None:
        self["code"] = code


class DataKind:
    WEIGHTS, WEIGHT_DIFF = "WEIGHTS", "WEIGHT_DIFF"


class MetaKey:
    NUM_STEPS_CURRENT_ROUND = "NUM_STEPS_CURRENT_ROUND"


class DXO:
    """What a Shareable carries: arrays by name, and claims about them."""

    def __init__(self, data_kind: str, meta: dict[str, Any] | None = None, data: Any = None) -> None:
        self.data_kind, self.meta, self.data = data_kind, meta or {}, data

    def get_meta_prop(self, key: str, default: Any = None) -> Any:
        return self.meta.get(key, default)

    def to_shareable(self) -> Shareable:
        return Shareable(dxo=self)


def from_shareable(shareable: Shareable) -> DXO:
    if not isinstance(shareable.get("dxo"), DXO):
        raise ValueError("the shareable is not a valid DXO")
    return shareable["dxo"]


class FLContext:
    def __init__(self) -> None:
        self.props: dict[str, Any] = {}

    def get_prop(self, key: str, default: Any = None) -> Any:
        return self.props.get(key, default)

    def set_prop(self, key: str, value: Any, private: bool = True, sticky: bool = True) -> None:
        self.props[key] = value


class Aggregator:
    def log_warning(self, context: FLContext, message: str) -> None:
        self.warned = message


class _Named:
    def __init__(self, **names: str) -> None:
        self.__dict__.update(names)


def modules() -> dict[str, ModuleType]:
    """The stand-ins under the names that the example imports."""
    names: dict[str, dict[str, Any]] = {
        "nvflare": {},
        "nvflare.apis": {},
        "nvflare.apis.dxo": {"DXO": DXO, "DataKind": DataKind, "MetaKey": MetaKey, "from_shareable": from_shareable},
        "nvflare.apis.fl_constant": {
            "ReservedKey": _Named(IDENTITY_NAME="__identity_name__"),
            "ReturnCode": _Named(OK="OK", EXECUTION_EXCEPTION="EXECUTION_EXCEPTION"),
        },
        "nvflare.apis.fl_context": {"FLContext": FLContext},
        "nvflare.apis.shareable": {"Shareable": Shareable},
        "nvflare.app_common": {},
        "nvflare.app_common.abstract": {},
        "nvflare.app_common.abstract.aggregator": {"Aggregator": Aggregator},
        "nvflare.app_common.abstract.model": {"ModelLearnableKey": _Named(WEIGHTS="weights")},
        "nvflare.app_common.app_constant": {"AppConstants": _Named(GLOBAL_MODEL="global_model")},
    }
    made = {}
    for name, content in names.items():
        made[name] = ModuleType(name)
        made[name].__dict__.update(content)
    return made
