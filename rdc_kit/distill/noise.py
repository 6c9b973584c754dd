"""Noise with the spectrum of real images: what is left of a pool when all content is taken away."""

from __future__ import annotations

import torch
from torch import Tensor

from ..augment.views import denormalised
from ..data.imagesets import ImageSet, made_anew
from ..ground.names import unknown
from ..ground.seeds import generator

SPECTRA = ("white", "pool")
_MOST = 2000  # images that the spectrum is read from
_AT_ONCE = 50  # of them


def coloured(draws: Tensor, pool: ImageSet) -> Tensor:
    """White noise in the pool's colours: a stationary Gaussian field with its second moments.

    Args:
        draws: white noise, float32 [N, 3, S, S], mean 0 and variance 1.
        pool: gives the mean of each channel, and for each spatial frequency the strength of the
            channels and their correlation.

    Returns:
        uint8 [N, 3, S, S]. Before clipping, each pixel has the pool's mean and variance.
    """
    side = pool.size
    rows = torch.linspace(0, len(pool) - 1, min(_MOST, len(pool))).long()
    mean, power = _moments(pool.images, rows)
    values, vectors = torch.linalg.eigh(power)
    root = vectors * values.clamp(min=0).sqrt()[..., None, :]  # root @ root^H = power
    white = torch.fft.rfft2(draws.double(), norm="ortho").permute(2, 3, 1, 0)
    field = torch.fft.irfft2((root @ white).permute(3, 2, 0, 1), s=(side, side), norm="ortho")
    return (field + mean).round().clamp(0, 255).to(torch.uint8)


def _moments(images: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Means of the channels, float64 [1, 3, 1, 1], and of each frequency the products of channels.

    A few images and frequencies at a time; the sums are those of all at once, to the bit.

    Returns:
        The means, and complex128 [S, S / 2 + 1, 3, 3], Hermitian.
    """
    side, parts = images.shape[-1], torch.arange(len(rows)).split(_AT_ONCE)
    sums = [images[rows[part]].double().sum((0, 2, 3)) for part in parts]  # whole numbers
    mean = torch.stack(sums).sum(0).view(1, 3, 1, 1) / (len(rows) * side**2)
    waves = torch.empty(len(rows), 3, side, side // 2 + 1, dtype=torch.complex128)
    for part in parts:
        waves[part] = torch.fft.rfft2(images[rows[part]].double() - mean, norm="ortho")
    lines = (waves[:, :, k].permute(2, 1, 0) for k in range(side))  # [S / 2 + 1, 3, n] each
    return mean, torch.stack([line @ line.mH for line in lines]) / len(rows)


def check_spectrum(spectrum: str) -> None:
    """Refuse an unknown spectrum with a ValueError."""
    if spectrum not in SPECTRA:
        raise ValueError(unknown("spectrum", spectrum, SPECTRA))


def noise_set(pool: ImageSet, ipc: int, seed: int, spectrum: str = "white") -> ImageSet:
    """Gaussian noise with the source's mean and sd: a control that holds nothing of the images.

    White, or with the pool's spectrum: as strong at every spatial frequency, and with channels as
    alike, so that a network that was trained on the pool is not shown frequencies it never saw.

    Args:
        pool: whose classes, size and statistics it has. ipc: images per class. seed: of the draws.
        spectrum: one of SPECTRA.

    Raises:
        ValueError: an unknown spectrum.
    """
    check_spectrum(spectrum)
    count = ipc * pool.num_classes
    draws = torch.randn(count, 3, pool.size, pool.size, generator=generator(seed, "noise"))
    if spectrum == "pool":
        pixels = coloured(draws, pool)
    else:
        pixels = denormalised(draws, pool.traits).round().clamp(0, 255).to(torch.uint8)
    return made_anew(pool, pixels)
