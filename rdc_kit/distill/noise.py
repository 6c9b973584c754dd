"""Noise with the spectrum of real images: what is left of a pool when all content is taken away."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..augment.views import denormalised
from ..data.imagesets import ImageSet, made_anew
from ..ground.names import check_known
from ..ground.seeds import generator

SPECTRA = ("white", "pool")
_MOST = 2000  # images that the spectrum is read from
_READ = 8  # of them at once
_HELD = 225 * 10**6  # bytes of their spectra at once; those of images of 64 px are read in one go
_AT_ONCE = 48  # images; a multiple of 16, for torch draws 16 normal numbers at a time


def colours(pool: ImageSet) -> tuple[Tensor, Tensor]:
    """What makes white noise as strong as a pool at each spatial frequency, see `coloured`.

    Returns:
        The mean of each channel, float64 [1, 3, 1, 1], and per frequency a root of the products of
        channels, complex128 [S, S / 2 + 1, 3, 3].
    """
    rows = torch.linspace(0, len(pool) - 1, min(_MOST, len(pool))).long()
    mean, power = _moments(pool.images, rows)
    values, vectors = torch.linalg.eigh(power)
    return mean, vectors * values.clamp(min=0).sqrt()[..., None, :]  # root @ root^H = power


def coloured(draws: Tensor, mean: Tensor, root: Tensor) -> Tensor:
    """White noise in a pool's colours: a stationary Gaussian field with its second moments.

    Args:
        draws: white noise, float32 [N, 3, S, S], mean 0 and variance 1.
        mean, root: `colours` of the pool.

    Returns:
        Pixels float64 [N, 3, S, S]. Each has the pool's mean and variance.
    """
    white = torch.fft.rfft2(draws.double(), norm="ortho").permute(2, 3, 1, 0)
    field = torch.fft.irfft2((root @ white).permute(3, 2, 0, 1), s=draws.shape[2:], norm="ortho")
    return field + mean


def _moments(images: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Means of the channels, float64 [1, 3, 1, 1], and of each frequency the products of channels.

    A few images and frequencies at a time; the sums are those of all at once, to the bit.

    Returns:
        The means, and complex128 [S, S / 2 + 1, 3, 3], Hermitian.
    """
    side, half, parts = images.shape[-1], images.shape[-1] // 2 + 1, rows.split(_READ)
    total = torch.zeros(3, dtype=torch.float64)
    for part in parts:
        total += images[part].double().sum((0, 2, 3))  # whole numbers
    mean = total.view(1, 3, 1, 1) / (len(rows) * side**2)
    at_once = min(side, max(1, _HELD // (16 * len(rows) * 3 * half)))
    # Made once and filled: small results between large ones would keep the memory of these.
    waves = torch.empty(len(rows), 3, at_once, half, dtype=torch.complex128)
    products = torch.empty(side, half, 3, 3, dtype=torch.complex128)
    for first in range(0, side, at_once):
        _fill(waves, images, parts, mean, first)
        for k, found in enumerate(products[first : first + at_once]):
            line = waves[:, :, k].permute(2, 1, 0)  # [S / 2 + 1, 3, n]
            found.copy_(line @ line.mH)
    return mean, products / len(rows)


def _fill(waves: Tensor, images: Tensor, parts: Sequence[Tensor], mean: Tensor, first: int) -> None:
    """Write some of the frequencies of all images into `waves`, from the vertical one `first` on.

    Each time the whole transform is made: one of parts would have other last bits.
    """
    last = first + waves.shape[2]
    for some, part in zip(waves.split(_READ), parts, strict=True):
        found = torch.fft.rfft2(images[part].double() - mean, norm="ortho")[:, :, first:last]
        some[:, :, : found.shape[2]] = found


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
    check_known("spectrum", spectrum, SPECTRA)
    count = ipc * pool.num_classes
    pixels = torch.empty(count, 3, pool.size, pool.size, dtype=torch.uint8)
    found = colours(pool) if spectrum == "pool" else None
    numbers = generator(seed, "noise")
    # Parts, for all at once take many times the memory. Rounding hides the last bits of products.
    for part in pixels.split(_AT_ONCE):
        draws = torch.randn(part.shape, generator=numbers)
        drawn = coloured(draws, *found) if found else denormalised(draws, pool.traits)
        part.copy_(drawn.round().clamp(0, 255))
    return made_anew(pool, pixels)
