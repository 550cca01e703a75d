"""Attacks: what colluding clients do to their data and their updates, limited to what they can know."""

from mithridate.attacks.access import Learned, LivePoison, ModelAccess, Samples
from mithridate.attacks.adaptive_trigger import AdversariallyAdapted, Overlay
from mithridate.attacks.adversary import Adversary, DataPoison, Schedule, Trigger, implant
from mithridate.attacks.alternating import AlternatingMinimisation
from mithridate.attacks.backdoor import Blended, ModelReplacement, Patch, Pixel
from mithridate.attacks.best_against import BestAgainst
from mithridate.attacks.blunt import Constant, Gaussian, Scaling, SignFlip, Zero
from mithridate.attacks.bounded import TrainAndScale
from mithridate.attacks.camouflage import ThreeDFed
from mithridate.attacks.catching_up import CatchUp
from mithridate.attacks.collusion import Cerp
from mithridate.attacks.composite import Composite
from mithridate.attacks.compound import Bandit, Switch
from mithridate.attacks.data import FeatureNoise, LabelFlip
from mithridate.attacks.data_free import DarkFed
from mithridate.attacks.distributed import Distributed, Split
from mithridate.attacks.durable import Chameleon
from mithridate.attacks.fake_clients import Mpaf, PoisonedFL
from mithridate.attacks.fang import FangKrum, FangTrim
from mithridate.attacks.faults import Faults
from mithridate.attacks.flips import F3ba
from mithridate.attacks.generator import Generated
from mithridate.attacks.geometric import MinMax, MinSum
from mithridate.attacks.invisible import Iba, InputAware
from mithridate.attacks.layers import LayerSubstitution
from mithridate.attacks.learned_policy import LearnedPolicy
from mithridate.attacks.live import BadSampler, DynamicFlip
from mithridate.attacks.mimic import Mimic
from mithridate.attacks.moments import Alie, Ipm
from mithridate.attacks.natural import EdgeCase, Semantic
from mithridate.attacks.pill import Pill
from mithridate.attacks.relocated import Rop
from mithridate.attacks.schedules import Always, Churn, EveryKth, FromRound, Ramp, SingleShot, Window
from mithridate.attacks.self_adaptive import Sadba, Settled
from mithridate.attacks.sinusoid import Sinusoid
from mithridate.attacks.skew import Strike
from mithridate.attacks.steering import ConstrainAndScale, Course, Neurotoxin, ProjectedDescent, Steering
from mithridate.attacks.sycophants import Sybil, Sycophantic
from mithridate.attacks.tailored import AgrTailored
from mithridate.attacks.victims import Natural, Selective
from mithridate.attacks.view import Crafted, UpdateAttack, View

__all__ = [
    "AdversariallyAdapted",
    "Adversary",
    "AgrTailored",
    "Alie",
    "AlternatingMinimisation",
    "Always",
    "BadSampler",
    "Bandit",
    "BestAgainst",
    "Blended",
    "CatchUp",
    "Cerp",
    "Chameleon",
    "Churn",
    "Composite",
    "Constant",
    "ConstrainAndScale",
    "Course",
    "Crafted",
    "DarkFed",
    "DataPoison",
    "Distributed",
    "DynamicFlip",
    "EdgeCase",
    "EveryKth",
    "F3ba",
    "FangKrum",
    "FangTrim",
    "Faults",
    "FeatureNoise",
    "FromRound",
    "Gaussian",
    "Generated",
    "Iba",
    "InputAware",
    "Ipm",
    "LabelFlip",
    "LayerSubstitution",
    "Learned",
    "LearnedPolicy",
    "LivePoison",
    "Mimic",
    "MinMax",
    "MinSum",
    "ModelAccess",
    "ModelReplacement",
    "Mpaf",
    "Natural",
    "Neurotoxin",
    "Overlay",
    "Patch",
    "Pill",
    "Pixel",
    "PoisonedFL",
    "ProjectedDescent",
    "Ramp",
    "Rop",
    "Sadba",
    "Samples",
    "Scaling",
    "Schedule",
    "Selective",
    "Semantic",
    "Settled",
    "SignFlip",
    "SingleShot",
    "Sinusoid",
    "Split",
    "Steering",
    "Strike",
    "Switch",
    "Sybil",
    "Sycophantic",
    "ThreeDFed",
    "TrainAndScale",
    "Trigger",
    "UpdateAttack",
    "View",
    "Window",
    "Zero",
    "implant",
]
