"""Noise in a pool's colours has the pool's spectrum and nothing else of it."""

import math

import pytest
import torch

import rdc_kit as rdc
from rdc_kit.compression import check_options
from rdc_kit.distill import noise
from rdc_kit.distill.noise import coloured, colours, noise_set

from ..conftest import colour_blocks


def power(images):
    """Mean strength of every spatial frequency of every channel, [3, S, S / 2 + 1]."""
    values = images.double()
    return torch.fft.rfft2(values - values.mean((0, 2, 3), keepdim=True)).abs().square().mean(0)


def gratings(count=64, side=16, cycles=3):
    """Waves of one frequency with any phase, the same in all channels."""
    phase = torch.rand(count, generator=torch.Generator().manual_seed(0)) * 2 * math.pi
    across = 2 * math.pi * cycles * torch.arange(side) / side
    waves = 128 + 50 * torch.sin(across[None, :] + phase[:, None])
    return waves[:, None, None, :].expand(count, 3, side, side).round().to(torch.uint8)


def white(count, side=16):
    return torch.randn(count, 3, side, side, generator=torch.Generator().manual_seed(1))


def pixels(count, pool):
    return coloured(white(count), *colours(pool)).round().clamp(0, 255).to(torch.uint8)


def test_noise_of_gratings_has_their_frequency_alone_and_no_colour():
    pool = rdc.from_tensors(gratings(), torch.arange(64) % 2, ("a", "b"))
    noise = pixels(200, pool)
    strength = power(noise)
    assert strength[:, 0, 3].sum() > 0.95 * strength.sum()
    channels = noise.double().transpose(0, 1).flatten(1)
    assert torch.corrcoef(channels).min() > 0.98


def test_its_spectrum_mean_and_sd_are_the_pools():
    pool, _ = rdc.load("digits", 16)
    noise = pixels(1000, pool)
    ours, theirs = power(noise), power(pool.images)
    strong = theirs > theirs.max() / 100
    ratio = (ours[strong] / theirs[strong]).log2()
    assert ratio.median().abs() < 0.6  # clipping at 0 takes some
    means = [images.double().mean((0, 2, 3)) for images in (noise, pool.images)]
    assert (means[0] - means[1]).abs().max() < 12
    flat = power((128 + 40 * white(1000)).clamp(0, 255))
    assert (flat[strong] / theirs[strong]).log2().abs().mean() > 4 * ratio.abs().mean()


def test_white_noise_is_the_default_and_other_spectra_are_refused():
    pool = colour_blocks()
    plain = rdc.compress("noise", pool, 2)
    assert torch.equal(plain.images, rdc.compress("noise", pool, 2, spectrum="white").images)
    matched = rdc.compress("noise", pool, 2, spectrum="pool")
    assert matched.provenance["spectrum"] == "pool"
    assert not torch.equal(plain.images, matched.images)
    assert torch.equal(matched.labels, plain.labels)
    with pytest.raises(ValueError, match=r"unknown spectrum 'pink'\. Known: white, pool"):
        rdc.compress("noise", pool, 2, spectrum="pink")
    with pytest.raises(ValueError, match="unknown spectrum 'pink'"):
        check_options("noise", {"spectrum": "pink"})  # before a grid makes anything


def test_noise_made_from_composites_has_nothing_of_their_grid(tmp_path):
    pool = colour_blocks(per_class=8)
    noise = rdc.compress("noise", rdc.combine(pool, 2), 1)
    assert (noise.grid, noise.members, noise.view) == ((1, 1), None, "whole")
    back = rdc.load(f"parquet:{noise.save(tmp_path / 'noise')}").train
    assert back.fingerprint() == noise.fingerprint()


@pytest.mark.parametrize("size", [9, 16])
def test_how_many_images_and_frequencies_are_read_at_once_changes_no_bit(monkeypatch, size):
    """Of a pool of 224 px 2.4 GB were held."""
    pool, held = rdc.load("digits", size).train[:300], []
    rows, fill = torch.arange(300), noise._fill
    waves = torch.fft.rfft2(pool.images.double() - 0, norm="ortho")
    whole = torch.stack([line @ line.mH for line in waves.permute(2, 3, 1, 0)]) / 300
    mean, products = noise._moments(pool.images, rows)
    assert torch.allclose(products[1:, 1:], whole[1:, 1:], rtol=1e-9)  # the mean is in neither
    assert torch.allclose(mean.flatten(), pool.images.double().mean((0, 2, 3)))
    monkeypatch.setattr(
        noise, "_fill", lambda waves, *more: held.append(waves) or fill(waves, *more)
    )
    line = 16 * waves[:, :, 0].numel()
    for read, most, parts in ((7, 10**9, 1), (10**6, 4 * line, -(-size // 4)), (8, 1, size)):
        monkeypatch.setattr(noise, "_READ", read)
        monkeypatch.setattr(noise, "_HELD", most)
        assert all(map(torch.equal, noise._moments(pool.images, rows), (mean, products)))
        assert len(held) == parts
        assert all(16 * part.numel() <= max(most, line) for part in held)
        held.clear()


@pytest.mark.parametrize("spectrum", noise.SPECTRA)
@pytest.mark.parametrize("size", [8, 17])
def test_a_large_set_is_painted_in_parts_and_no_pixel_changes(monkeypatch, spectrum, size):
    """Nine times its size in memory was taken for a set of 224 px."""
    pool, counts = colour_blocks(per_class=8, size=size), []
    drawn = torch.randn

    def randn(shape, **others):
        counts.append(shape[0])
        return drawn(shape, **others)

    monkeypatch.setattr(noise, "_AT_ONCE", 10**6)
    whole = noise_set(pool, 43, 0, spectrum).images
    monkeypatch.setattr(torch, "randn", randn)
    for count in (16, 48):
        monkeypatch.setattr(noise, "_AT_ONCE", count)
        assert torch.equal(noise_set(pool, 43, 0, spectrum).images, whole)
    assert counts == 8 * [16] + [1] + 2 * [48] + [33]
