"""Noise with the spectrum of real images: what is left of a pool when all content is taken away."""

from __future__ import annotations

import torch
from torch import Tensor

from ..data.imagesets import ImageSet

SPECTRA = ("white", "pool")
_MOST = 2000  # images that the spectrum is read from


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
    images = pool.images[rows].double()
    mean = images.mean((0, 2, 3), keepdim=True)
    waves = torch.fft.rfft2(images - mean, norm="ortho").permute(2, 3, 1, 0)  # [S, S/2+1, 3, n]
    power = waves @ waves.mH / len(rows)  # [S, S/2+1, 3, 3], Hermitian
    values, vectors = torch.linalg.eigh(power)
    root = vectors * values.clamp(min=0).sqrt()[..., None, :]  # root @ root^H = power
    white = torch.fft.rfft2(draws.double(), norm="ortho").permute(2, 3, 1, 0)
    field = torch.fft.irfft2((root @ white).permute(3, 2, 0, 1), s=(side, side), norm="ortho")
    return (field + mean).round().clamp(0, 255).to(torch.uint8)
