"""A small setup on blocks of colour, and trials on it, for the tests of the study's rooms."""

import pandas as pd
import torch

import rdc_kit as rdc
from rdc_kit.ground.device import Runtime
from rdc_kit.study.grid.arms import method_arms
from rdc_kit.study.grid.experiments import plan_trials
from rdc_kit.study.grid.setups import Setup

from ..conftest import colour_blocks

EXACT = Runtime(torch.device("cpu"), "fp32", channels_last=False)
FEW = {"el2n": 2, "aum": 2, "forgetting": 2}
HARD1 = rdc.protocols.hard(epochs=1)


def small_setup(**changes):
    """Blocks of colour, three classes; everything that is trained or recovered is short."""
    given = {"teacher_epochs": 20, "options": {"iterations": 3}, "scoring_epochs": FEW}
    given = {"pool": colour_blocks(per_class=8), "test": colour_blocks(seed=0), **given, **changes}
    return Setup(runtime=EXACT, **given)


def large_setup(**changes):
    """The same with a pool of forty per class, enough for composites."""
    return small_setup(**{"pool": colour_blocks(40), **changes})


def small_trials(setup, methods=("sre2l", "el2n"), seeds=2, epochs=2, **options):
    """Three methods (Random among them), two ipcs, hard and soft labels."""
    named = [rdc.protocols.hard(epochs=epochs), rdc.protocols.soft(epochs=epochs)]
    return plan_trials(setup, method_arms(methods), [1, 2], named, seeds, **options)


def toy(values):
    """A table with nothing but arm, seed and top1: arm -> accuracies, one per seed."""
    rows = [(arm, s, v) for arm, line in values.items() for s, v in enumerate(line)]
    return pd.DataFrame(rows, columns=["arm", "seed", "top1"])
