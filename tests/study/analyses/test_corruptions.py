"""Corruptions against their formulas: scipy, PIL, and by hand."""

import io

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from scipy import ndimage

from rdc_kit.ground.seeds import generator
from rdc_kit.study.analyses.corruptions import CORRUPTIONS, LEVELS


@pytest.fixture
def images():
    """Smooth uint8 images [4, 3, 32, 32] with all brightnesses in them."""
    draw = torch.Generator().manual_seed(5)
    coarse = torch.rand(4, 3, 6, 6, generator=draw)
    fine = F.interpolate(coarse, size=32, mode="bicubic", align_corners=True)
    return (fine.clamp(0, 1) * 255).to(torch.uint8)


def corrupt(name, images, severity=3, seed=0):
    return CORRUPTIONS[name](images, severity, generator(seed, "test"))


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_corruptions_repeat_and_grow_with_severity(name, images):
    before = images.clone()
    errors = []
    for severity in range(1, 6):
        found = corrupt(name, images, severity)
        assert found.dtype == torch.uint8
        assert found.shape == images.shape
        assert torch.equal(found, corrupt(name, images, severity))
        errors.append((found.float() - images).square().mean().item())
    assert torch.equal(images, before)
    assert errors[0] > 0
    assert errors == sorted(errors)


@pytest.mark.parametrize("severity", [0, 6])
def test_severities_end_at_five(images, severity):
    with pytest.raises(ValueError, match=f"severity must be 1 to 5, got {severity}"):
        corrupt("jpeg", images, severity)


def test_noise_has_the_stated_spread_and_hangs_on_the_seed():
    grey = torch.full((20, 3, 32, 32), 102, dtype=torch.uint8)  # 0.4
    normal = corrupt("gaussian_noise", grey) / 255
    assert normal.mean() == pytest.approx(0.4, abs=2e-3)
    assert normal.std() == pytest.approx(0.08, rel=0.02)
    poisson = corrupt("shot_noise", grey) / 255
    assert poisson.mean() == pytest.approx(0.4, abs=2e-3)
    assert poisson.std() == pytest.approx((0.4 / 100) ** 0.5, rel=0.02)
    for name in ("gaussian_noise", "shot_noise"):
        assert not torch.equal(corrupt(name, grey), corrupt(name, grey, seed=1))


@pytest.mark.parametrize("size", [32, 64])
def test_blur_is_scipys_and_grows_with_the_side(images, size):
    images = F.interpolate(images.float(), size=size).to(torch.uint8)
    sigma = LEVELS["gaussian_blur"][4] * size / 32
    pixels = images.numpy() / 255
    expected = ndimage.gaussian_filter(pixels, sigma, axes=(2, 3), mode="nearest", truncate=4)
    found = corrupt("gaussian_blur", images, 5).numpy()
    assert np.abs(found - expected * 255).max() < 0.51


def test_brightness_lifts_the_value_and_keeps_hue_and_saturation(images):
    def hsv(batch):
        arrays = batch.permute(0, 2, 3, 1).numpy().reshape(-1, 3) / 255
        low, high = arrays.min(1), arrays.max(1)
        return (arrays - low[:, None]) / np.maximum(high - low, 1e-9)[:, None], low, high

    found = corrupt("brightness", images)
    (hue, low, high), (new_hue, new_low, new_high) = hsv(images), hsv(found)
    assert np.allclose(new_high, np.minimum(high + 0.15, 1), atol=0.003)
    lit = high > 0.2  # darker colours are rounded too coarsely to be compared
    assert np.allclose((new_low / new_high)[lit], (low / high)[lit], atol=0.02)
    strong = high - low > 0.2
    assert np.allclose(new_hue[strong], hue[strong], atol=0.02)
    black = torch.zeros(1, 3, 8, 8, dtype=torch.uint8)
    assert corrupt("brightness", black).unique().tolist() == [round(0.15 * 255)]


def test_contrast_scales_the_distance_to_each_mean(images):
    found, pixels = corrupt("contrast", images).float(), images.float()
    mean = pixels.mean((2, 3), keepdim=True)
    assert (found - (mean + 0.4 * (pixels - mean))).abs().max() <= 0.51


def test_pixelate_of_half_a_side_would_be_blocks(images, monkeypatch):
    monkeypatch.setitem(LEVELS, "pixelate", (0.5,) * 5)
    means = F.avg_pool2d(images.float(), 2)
    blocks = means.repeat_interleave(2, 2).repeat_interleave(2, 3)
    assert (corrupt("pixelate", images).float() - blocks).abs().max() <= 1  # it rounds per axis


def test_jpeg_is_a_file_of_that_quality(images):
    written = io.BytesIO()
    Image.fromarray(images[1].permute(1, 2, 0).numpy()).save(written, "JPEG", quality=58)
    expected = np.asarray(Image.open(written)).transpose(2, 0, 1)
    assert np.array_equal(corrupt("jpeg", images)[1].numpy(), expected)
