"""One value of every attack, poison, trigger and schedule. A new one costs a line here."""

from __future__ import annotations

from typing import Any

from mithridate.attacks import (
    AdversariallyAdapted,
    AgrTailored,
    Alie,
    AlternatingMinimisation,
    Always,
    BadSampler,
    Bandit,
    BestAgainst,
    Blended,
    CatchUp,
    Cerp,
    Chameleon,
    Churn,
    Composite,
    Constant,
    ConstrainAndScale,
    DarkFed,
    Distributed,
    DynamicFlip,
    EdgeCase,
    EveryKth,
    F3ba,
    FangKrum,
    FangTrim,
    Faults,
    FeatureNoise,
    FromRound,
    Gaussian,
    Iba,
    InputAware,
    Ipm,
    LabelFlip,
    LayerSubstitution,
    LearnedPolicy,
    Mimic,
    MinMax,
    MinSum,
    ModelReplacement,
    Mpaf,
    Neurotoxin,
    Patch,
    Pill,
    Pixel,
    PoisonedFL,
    ProjectedDescent,
    Ramp,
    Rop,
    Sadba,
    Scaling,
    Semantic,
    SignFlip,
    SingleShot,
    Sinusoid,
    Strike,
    Switch,
    Sybil,
    Sycophantic,
    ThreeDFed,
    TrainAndScale,
    Window,
    Zero,
)
from mithridate.attacks.catalog import DATA_POISONS, SCHEDULES, STEERINGS, TRIGGERS, UPDATE_ATTACKS

UPDATES: list[Any] = [
    Gaussian(),
    Gaussian(std=1.0, around_mean=True),
    SignFlip(),
    Scaling(factor=-3.0),
    Zero(),
    Constant(value=-2.0),
    Ipm(),
    Alie(z=1.5),
    Alie(z=-1.0, knows="partial"),
    *(cls(direction=p) for cls in (MinMax, MinSum) for p in ("unit", "std", "sign")),
    MinMax(knows="partial"),
    Mimic(warmup=2),
    FangKrum(),
    FangKrum(knows="partial"),
    FangTrim(),
    FangTrim(knows="partial"),
    FangTrim(box="model"),
    Mpaf(),
    Mpaf(norm=1.0),
    PoisonedFL(),
    Rop(),
    Rop(z=1.0, angle=180.0, pi=0.5, lam=0.9, knows="omniscient"),
    Strike(),
    Strike(nu=0.5, knows="partial"),
    Sybil(),
    Sybil(noise=0.0, scale=5.0),
    Sycophantic(),
    Sycophantic(share=0.5, direction="sign", knows="partial"),
    Switch(),
    Switch(attacks=(Zero(), Mimic(warmup=2)), every=2),
    Bandit(),
    Bandit(attacks=(Zero(), SignFlip(scale=3.0), BestAgainst(candidates=4)), epsilon=0.5),
    Composite(),
    Composite(attacks=(Gaussian(), Mimic(warmup=1), Zero()), shares=(1.0, 2.0, 1.0)),
    Pill(),
    Pill(attack=Alie(z=1.0), share=0.5),
    *(AgrTailored(direction=p, candidates=6) for p in ("std", "dynamic")),
    *(BestAgainst(direction=p, candidates=6) for p in ("std", "mean")),
    ModelReplacement(),
    ModelReplacement(boost=7.0),
    TrainAndScale(bound=3.0),
]
"""Attacks that lie with finite numbers."""

ASKING: list[Any] = [
    LayerSubstitution(),
    LayerSubstitution(tau=0.5, scale=3.0),
    AlternatingMinimisation(cycles=2, stealth=2, batch=3),
    CatchUp(steps=3, batch=3),
    CatchUp(steps=2, longer=2, faster=1.0, boost=2.0),
    Cerp(steps=3, batch=3),
    Cerp(alpha=1.0, beta=1.0, steps=3, batch=3),
    Chameleon(contrast=2, steps=2, batch=4),
    DarkFed(shadow=12, steps=3, batch=4),
    DarkFed(shadow=5, steps=2, norm=1.5, density=0.3, rho=5.0, kappa=5.0),
    F3ba(),
    ThreeDFed(steps=3, batch=3),
    ThreeDFed(constraint=0.0, noise=3.0, decoy=1.0, classes=1, steps=2),
    F3ba(share=1.0, factor=2.0),
    LearnedPolicy(horizon=1, population=2, generations=1, steps=3),
    LearnedPolicy(horizon=2, population=3, generations=1, every=1, reward="error", steps=2, batch=2, features=0),
]
"""Attacks that need the network, which the laws' views do not lend."""

FAULTS = [
    Faults(kind)  # type: ignore[arg-type]  # literals in a loop
    for kind in ("nan", "inf", "negative-inf", "one-nan", "huge", "zero", "stale", "replay")
]

POISONS: list[Any] = [
    LabelFlip(),
    LabelFlip(share=0.5),
    LabelFlip(mode="random"),
    LabelFlip(mode="pair", source=1, target=0),
    LabelFlip(mode="pair", source=(0, 2), target=1),
    FeatureNoise(),
    FeatureNoise(std=0.1, share=0.5),
]

LIVE: list[Any] = [DynamicFlip(), DynamicFlip(share=0.5), BadSampler()]

STAMPS: list[Any] = [
    Patch(target=1),
    Patch(target=0, size=2, corner="top-left", margin=1, value=0.5, share=0.0),
    Pixel(target=1, count=3),
    Blended(target=1, alpha=0.3),
    Distributed(target=1, size=1, gap=1),
    AdversariallyAdapted(target=1, size=2),
    *(stamp(target=1, source=2) for stamp in (Patch, Pixel, Blended)),
    Distributed(target=1, size=1, gap=1, source=0),
    Sadba(target=1, size=1, gap=1),
    Sadba(target=1, size=1, gap=0, place=(1, 2), parts=3, deal="static", rounds=0, source=2),
    Semantic(target=1, source=2, quantile=0.0, ratio=0.0),
    Semantic(target=1, source=2, feature="slant", quantile=0.5, ratio=0.0),
    EdgeCase(target=1, tail=1.0, ratio=0.0),
    Sinusoid(target=1, delta=0.5, frequency=1.0, clean_label=False),
    Sinusoid(target=2, share=1.0, frequency=1.0),
    Patch(target=2, clean_label=True),
    Iba(target=1, eps=0.2, rank=2),
    InputAware(target=1, source=0, cross=0.5),
    EdgeCase(target=1, source=2, space="principal", components=3, share=0.5, ratio=0.0),
]

COURSES: list[Any] = [
    ProjectedDescent(radius=0.5),
    Neurotoxin(top=0.2),
    ConstrainAndScale(),
    ConstrainAndScale(alpha=0.5, anomaly="cosine"),
]

TIMES: list[Any] = [
    Always(),
    FromRound(round=2),
    Ramp(start=1, rounds=3),
    SingleShot(round=2),
    EveryKth(k=2, start=1),
    Churn(p=0.5),
    Window(stop=5, start=2),
]


def test_every_entry_of_the_catalogue_is_under_the_laws():
    assert {type(a) for a in UPDATES + ASKING + FAULTS} == set(UPDATE_ATTACKS.values())
    assert {type(p) for p in POISONS + LIVE} == set(DATA_POISONS.values())
    assert {type(t) for t in STAMPS} == set(TRIGGERS.values())
    assert {type(c) for c in COURSES} == set(STEERINGS.values())
    assert {type(s) for s in TIMES} == set(SCHEDULES.values())
