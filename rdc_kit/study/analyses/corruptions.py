"""Common corruptions of images, in five severities; the kit makes them and downloads nothing.

A corruption is a function of (images, severity, draws): uint8 [B, 3, S, S], 1 to 5, and a generator
on the CPU. It returns uint8 [B, 3, S, S]. The same generator state gives the same pixels.

Source: Hendrycks and Dietterich, arXiv 1903.12261; levels of CIFAR-10-C (make_cifar_c.py).
Differs: seven of its kinds; images of every side have these levels, where ImageNet-C has harder
    ones for large images; the blur grows with the side; values are rounded instead of cut.
"""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

Corruption = Callable[[Tensor, int, torch.Generator], Tensor]

# For severity 1 to 5, as in CIFAR-10-C: sd of the noise on 0..1, photons at white, the blur's sigma
# in pixels of a 32 px image, the number added to the brightness (white = 1), the factor of the
# contrast, the share of the side that stays, and the JPEG quality.
LEVELS: dict[str, tuple[float, ...]] = {
    "gaussian_noise": (0.04, 0.06, 0.08, 0.09, 0.10),
    "shot_noise": (500, 250, 100, 75, 50),
    "gaussian_blur": (0.4, 0.6, 0.7, 0.8, 1.0),
    "brightness": (0.05, 0.1, 0.15, 0.2, 0.3),
    "contrast": (0.75, 0.5, 0.4, 0.3, 0.15),
    "pixelate": (0.95, 0.9, 0.85, 0.75, 0.65),
    "jpeg": (80, 65, 58, 50, 40),
}


def level(name: str, severity: int) -> float:
    """The number that LEVELS has for a severity.

    Raises:
        ValueError: a severity that is not 1 to 5.
    """
    if severity not in range(1, 6):
        raise ValueError(f"severity must be 1 to 5, got {severity}")
    return LEVELS[name][severity - 1]


def gaussian_noise(images: Tensor, severity: int, draws: torch.Generator) -> Tensor:
    """Add normal noise, equally strong for every brightness."""
    noise = torch.randn(images.shape, generator=draws)
    return _pixels(images / 255 + noise * level("gaussian_noise", severity))


def shot_noise(images: Tensor, severity: int, draws: torch.Generator) -> Tensor:
    """Poisson noise: a number of photons at white, fewer where the image is darker."""
    photons = level("shot_noise", severity)
    return _pixels(torch.poisson(images / 255 * photons, generator=draws) / photons)


def gaussian_blur(images: Tensor, severity: int, draws: torch.Generator) -> Tensor:
    """Blur with a sigma that grows with the image's side; the border pixels repeat outwards."""
    sigma = level("gaussian_blur", severity) * images.shape[-1] / 32
    reach = int(4 * sigma + 0.5)
    at = torch.arange(-reach, reach + 1).float()
    weights = torch.exp(-at.square() / (2 * sigma**2))
    weights = (weights / weights.sum()).expand(3, 1, -1)
    wide = F.pad(images / 255, (reach,) * 4, mode="replicate")
    across = F.conv2d(wide, weights[:, :, None, :], groups=3)
    return _pixels(F.conv2d(across, weights[:, :, :, None], groups=3))


def brightness(images: Tensor, severity: int, draws: torch.Generator) -> Tensor:
    """Raise the value of HSV; hue and saturation do not change."""
    pixels = images / 255
    value = pixels.amax(1, keepdim=True)
    raised = (value + level("brightness", severity)).clamp(max=1)
    # Colours scale with the value; black has none and turns grey.
    return _pixels(torch.where(value > 0, pixels * raised / value.clamp(min=1e-6), raised))


def contrast(images: Tensor, severity: int, draws: torch.Generator) -> Tensor:
    """Pull every pixel towards the mean of its image and channel."""
    pixels = images / 255
    mean = pixels.mean((2, 3), keepdim=True)
    return _pixels(mean + (pixels - mean) * level("contrast", severity))


def pixelate(images: Tensor, severity: int, draws: torch.Generator) -> Tensor:
    """Shrink the image and stretch it again, both with a box filter."""
    side = images.shape[-1]
    small = int(side * level("pixelate", severity))

    def change(image: Image.Image) -> Image.Image:
        box = Image.Resampling.BOX
        return image.resize((small, small), box).resize((side, side), box)

    return _through_pil(images, change)


def jpeg(images: Tensor, severity: int, draws: torch.Generator) -> Tensor:
    """Write the image as JPEG and read it again."""

    def change(image: Image.Image) -> Image.Image:
        written = io.BytesIO()
        image.save(written, "JPEG", quality=int(level("jpeg", severity)))
        return Image.open(written)

    return _through_pil(images, change)


def _pixels(values: Tensor) -> Tensor:
    return (values.clamp(0, 1) * 255).round().to(torch.uint8)


def _through_pil(images: Tensor, change: Callable[[Image.Image], Image.Image]) -> Tensor:
    arrays = images.permute(0, 2, 3, 1).contiguous().numpy()
    changed = np.stack([np.asarray(change(Image.fromarray(array))) for array in arrays])
    return torch.from_numpy(changed).permute(0, 3, 1, 2).contiguous()


CORRUPTIONS: dict[str, Corruption] = {
    kind.__name__: kind
    for kind in (gaussian_noise, shot_noise, gaussian_blur, brightness, contrast, pixelate, jpeg)
}
