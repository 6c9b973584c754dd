"""Random images as blurred as a cell of a 2 x 2 composite is, when training enlarges it."""

from dataclasses import replace

import torch
import torch.nn.functional as F

import rdc_kit as rdc
from rdc_kit.combine import shrink
from rdc_kit.methods import METHODS, Method


def blurred(pool, ipc, seed, runtime):
    """The images that `random` takes with this seed, shrunk to half a side and enlarged again."""
    chosen = rdc.compress("random", pool, ipc, seed, runtime)
    half = shrink(chosen.images, pool.size // 2, pool.size // 2).float()
    large = F.interpolate(half, (pool.size, pool.size), mode="bilinear", align_corners=False)
    return replace(chosen, images=large.round().clamp(0, 255).to(torch.uint8))


METHODS["blurred"] = Method("Random, blurred", blurred, "baseline", "nothing", "none", "-")
