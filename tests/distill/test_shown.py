"""What a teacher is shown of images that are recovered, and how these become pixels."""

import math
from dataclasses import replace

import pytest
import torch

from rdc_kit.distill.recipes import recipe
from rdc_kit.distill.shown import crowding, pixel_range, smallest_crop, to_pixels
from rdc_kit.ground.seeds import generator

from .conftest import inputs_of


def test_the_curriculum_falls_from_the_whole_image_to_the_smallest_crop(blocks):
    how = replace(recipe("cda", 64), iterations=100, milestone=0.5)
    bounds = [smallest_crop(how, blocks.traits, step) for step in range(100)]
    assert bounds[0] == 1
    assert bounds == sorted(bounds, reverse=True)
    assert bounds[25] == pytest.approx(0.75)  # half-way between 1 and the source's 0.5
    assert set(bounds[50:]) == {0.5}


def test_densification_pushes_images_of_a_class_apart(blocks):
    alike = blocks.images[:1].float().expand(3, -1, -1, -1) / 255
    noise = torch.randn(3, 3, 16, 16, generator=generator(0))
    same, apart = torch.zeros(3, dtype=torch.long), torch.arange(3)
    inputs = (alike + 0.01 * noise).requires_grad_()
    crowded = crowding(inputs, same)
    assert crowded > 10 * crowding(noise, same)
    assert crowding(inputs, apart) == 0  # one image of each class: nothing to part
    (slope,) = torch.autograd.grad(crowded, inputs)
    assert slope.abs().max() > 0
    assert crowding(inputs - 50 * slope, same) < crowded


def test_crowding_is_what_two_images_at_right_angles_have():
    """Their Gram matrix is (4, 0; 0, 1): KL of the softmax at T = 4 from that at T = 1."""
    bright, striped = torch.full((3, 32, 32), 2.0), torch.ones(3, 32, 32)
    striped[:, :, 16:] = -1
    flat, sharp = 1 / (1 + math.exp(-3 / 4)), 1 / (1 + math.exp(-3))
    expected = flat * math.log(flat / sharp) + (1 - flat) * math.log((1 - flat) / (1 - sharp))
    found = crowding(torch.stack([bright, striped]), torch.zeros(2, dtype=torch.long))
    assert float(found) == pytest.approx(expected, rel=1e-5)


def test_pixels_are_rounded_and_clipped(blocks):
    traits = blocks.traits
    assert torch.equal(to_pixels(inputs_of(blocks), traits), blocks.images)
    black, white = pixel_range(traits, torch.device("cpu"))
    wide = torch.stack([black - 1, white + 1]).expand(2, 3, 4, 4)
    assert to_pixels(wide, traits).flatten(1).tolist() == [[0] * 48, [255] * 48]
