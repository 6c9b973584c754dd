"""Observers that are easy to foretell, and curves with known crossings."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

import rdc_kit as rdc
from rdc_kit.study.analyses import observers

from ...conftest import colour_blocks
from ..conftest import small_setup


class Colours(nn.Module):
    """An observer whose logits are the mean of each colour channel."""

    def __init__(self, gain=1.0, classes=3):
        super().__init__()
        self.gain, self.classes, self.seen = gain, classes, []

    def forward(self, inputs):
        self.seen.append(inputs)
        means = inputs.mean((2, 3)) * self.gain
        return torch.cat([means, torch.zeros(len(inputs), self.classes - 3)], 1)


@pytest.fixture
def observer(exact):
    return observers.Observer((Colours(3.0),), "colours", exact)


def named_setup(names):
    """A setup whose classes have these names."""
    pool, test = (
        rdc.from_tensors(s.images, s.labels, names, traits=s.traits)
        for s in (colour_blocks(30), colour_blocks(10, seed=0))
    )
    return small_setup(pool=pool, test=test, teacher_epochs=6)


def curve_of(simple):
    """D has entropy r; D' has what is given at each ratio; a little noise from image to image."""
    draw = np.random.default_rng(0)
    ratios = [0.25, 0.5, 1.0]
    return pd.concat(
        pd.DataFrame({"set": name, "seed": 0, "image": range(40), "r": r}).assign(
            entropy=value + draw.normal(0, 0.02, 40)
        )
        for name, values in (("D", ratios), ("D'", simple))
        for r, value in zip(ratios, values, strict=True)
    )
