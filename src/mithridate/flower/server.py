"""`guard_app`: a ServerApp that passes every round through a guard, with whatever strategy or loop it was written."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from flwr.app import Context
from flwr.serverapp import Grid, ServerApp

from mithridate.core.errors import ConfigurationError
from mithridate.flower.grid import GuardedGrid, Identify, by_key
from mithridate.flower.keeper import Bring, Keeper, Watch
from mithridate.guard.policy import Policy, read_policy
from mithridate.monitor.metrics import Metrics
from mithridate.monitor.serving import Serving

__all__ = ["GuardedApp", "guard_app", "guarding", "policy_from"]


class GuardedApp(ServerApp):
    """A ServerApp around another: the same app, on a guarded Grid."""

    def __init__(
        self,
        app: ServerApp,
        policy: Policy,
        bring: Bring | None = None,
        identify: Identify = by_key,
        watchers: Sequence[Watch] = (),
        home: Path | None = None,
    ) -> None:
        super().__init__()
        self._app, self._policy, self._bring, self._identify = app, policy, bring, identify
        self._watchers, self._home = tuple(watchers), home

    @property
    def unguarded(self) -> ServerApp:
        """The app that is guarded."""
        return self._app

    def around(
        self,
        app: ServerApp,
        *,
        policy: Policy | None = None,
        home: Path | None = None,
        identify: Identify | None = None,
        watchers: Sequence[Watch] = (),
    ) -> GuardedApp:
        """The same guard around another app, such as this one with somebody listening.

        Args:
            app: The other app.
            policy: Another policy; None for this one.
            home: The folder that the other policy's paths begin in; None for this one's.
            identify: Another way to tell who a node is, where this app has none of its own.
            watchers: Who else hears the events.
        """
        who = identify if identify is not None and self._identify is by_key else self._identify
        heard = (*self._watchers, *watchers)
        return GuardedApp(app, policy or self._policy, self._bring, who, heard, self._home if home is None else home)

    @property
    def policy(self) -> Policy:
        return self._policy

    def __call__(self, grid: Grid, context: Context) -> None:
        """Run the app; its end, or the error that ended it, is written down."""
        how = self._bring, self._identify, self._watchers, self._home
        with guarding(grid, self._policy, *how) as guarded:
            self._app(guarded, context)


@contextmanager
def guarding(
    grid: Grid,
    policy: Policy,
    bring: Bring | None = None,
    identify: Identify = by_key,
    watchers: Sequence[Watch] = (),
    home: Path | None = None,
) -> Iterator[GuardedGrid]:
    """A guarded Grid, from the first round to the end of the run; the end, or the error that ended it, is written down."""
    with _served(policy) as served:
        keeper = Keeper(policy, bring, watchers=(*watchers, *served), home=home)
        try:
            yield GuardedGrid(grid, keeper, identify=identify)
        except BaseException as error:
            keeper.close(error)
            raise
        keeper.close()


@contextmanager
def _served(policy: Policy) -> Iterator[tuple[Watch, ...]]:
    """Who hears the events so that Prometheus can ask for them, while the app runs."""
    if policy.monitor.port is None:
        yield ()
        return
    metrics = Metrics()
    with Serving(metrics, host=policy.monitor.host, port=policy.monitor.port, exposed=policy.monitor.exposed):
        yield (metrics.consume,)


def guard_app(
    app: ServerApp,
    policy: str | Path | Policy | None = None,
    *,
    bring: Bring | None = None,
    identify: Identify = by_key,
    watchers: Sequence[Watch] = (),
) -> ServerApp:
    """Put a guard on a Flower ServerApp.

    Nothing else in the app changes: strategies, custom loops, centralised evaluation and the ClientApp stay as they are.

    Args:
        app: The ServerApp.
        policy: A policy file, looked for beside the module that calls this and in the folders above it; or a policy; or None for
            the default (see `guard.policy.default_guard`).
        bring: What the server measures beside the replies, for guards that need a clean reference update or probe losses.
        identify: Who a node is, for the guard's memory and the record.
        watchers: Called with every event, such as a round, as it is written down.

    Raises:
        ConfigurationError: there is no such file, or it is wrong; it says where and what to write instead.

    >>> app = ServerApp()
    >>> app = guard_app(app)
    """
    if not isinstance(app, ServerApp):
        raise ConfigurationError(f"guard_app takes a ServerApp, not a {type(app).__name__}: app = guard_app(app)")
    if isinstance(app, GuardedApp):
        raise ConfigurationError("the app is guarded already")
    found, home = policy_from(policy, sys._getframe(1).f_globals.get("__file__"))
    return GuardedApp(app, found, bring, identify, watchers, home)


def policy_from(policy: str | Path | Policy | None, caller: str | None) -> tuple[Policy, Path]:
    """The policy that is meant, read from a file, taken as it is, or the default; and the folder its relative paths begin in."""
    if policy is None or isinstance(policy, Policy):
        return policy or Policy(), Path.cwd()
    path = _found(Path(policy), caller)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: {error}") from error
    return read_policy(text, str(path)), path.parent


def _found(path: Path, caller: str | None) -> Path:
    """The file: absolute, beside the caller or above it as far as the app reaches, or in the current folder."""
    if path.is_absolute():
        return path
    places = []
    for folder in Path(caller).resolve().parents if caller else ():
        places.append(folder / path)
        if (folder / "pyproject.toml").exists():
            break
    places.append(Path.cwd() / path)
    for place in places:
        if place.is_file():
            return place
    raise ConfigurationError(f"{path}: no such file; looked at {', '.join(str(place) for place in places)}")
