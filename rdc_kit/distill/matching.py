"""Means and variances of a teacher's layer inputs, and a batch's distance from the real ones.

The distillation methods make batches of images that have, in every layer, the statistics of the
real images. Batch norm layers hold these already (running mean and variance). Statistics by class
or at convolutions take one pass over the pool.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..augment.views import plain_view
from ..data.imagesets import ImageSet
from ..ground.progress import bar
from ..train.accuracy import batch_at


@dataclass(frozen=True)
class Moments:
    """Statistics of one layer's input.

    Attributes:
        mean, var: float32 [G, F]: a row per group of images (one, or one per class), a column per
            feature (channel, or place of a patch). Variances are biased (divided by the count).
    """

    mean: Tensor
    var: Tensor


def channels(inputs: Tensor) -> Tensor:
    """[B, C, H, W] to [B, C, H W]: a feature per channel."""
    return inputs.flatten(2)


def patches(inputs: Tensor, side: int) -> Tensor:
    """[B, C, H, W] to [B, P, side side C]: a feature per place of a patch, side x side pixels.

    Maps whose sides are no multiples of that are resized up, as in G-VBSM.
    """
    count, depth, high, wide = inputs.shape
    up = (-(-high // side) * side, -(-wide // side) * side)
    if up != (high, wide):
        inputs = F.interpolate(inputs, up, mode="bilinear", align_corners=False)
    rows, columns = up[0] // side, up[1] // side
    split = inputs.reshape(count, depth, rows, side, columns, side)
    return split.permute(0, 2, 4, 1, 3, 5).reshape(count, rows * columns, -1)


Fold = Callable[[Tensor], Tensor]
Entry = tuple[str, str]  # (name of the layer, "norm", "conv" or "patch")
_NO_STATISTICS = (
    "this teacher has no batch norm with running statistics, by which images are recovered: use a "
    "ResNet, or a ConvNet with '-bn' at the end of its name, or give yours nn.BatchNorm2d"
)


def watched(model: nn.Module, patch: int = 0) -> dict[Entry, tuple[nn.Module, Fold]]:
    """The layers to read inputs of: batch norms, and convolutions in two ways.

    Args:
        patch: side of the patches at convolutions, pixels of the map; 0 for no convolutions.

    Raises:
        ValueError: there are none.
    """
    layers: dict[Entry, tuple[nn.Module, Fold]] = {}
    for name, module in model.named_modules():
        if isinstance(module, nn.BatchNorm2d):
            layers[name, "norm"] = module, channels
        if patch and isinstance(module, nn.Conv2d):
            layers[name, "conv"] = module, channels
            layers[name, "patch"] = module, partial(patches, side=patch)
    if not layers:
        raise ValueError(_NO_STATISTICS)
    return layers


@contextlib.contextmanager
def reading(
    model: nn.Module, take: Callable[[Entry, Tensor], None], patch: int = 0
) -> Iterator[None]:
    """Inside the block, every forward pass calls `take(entry, folded input [B, F, n])`."""

    def hook(entry: Entry, fold: Fold) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        return lambda _, inputs: take(entry, fold(inputs[0]))

    layers = watched(model, patch).items()
    handles = [m.register_forward_pre_hook(hook(e, fold)) for e, (m, fold) in layers]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def running(model: nn.Module) -> dict[Entry, Moments]:
    """The statistics that batch norm layers hold.

    Torch's running variance is unbiased, so even the true data have a tiny distance from it.

    Raises:
        ValueError: the network has no batch norm, or one that keeps no statistics.
    """
    layers = watched(model).items()
    if any(module.running_mean is None for _, (module, _) in layers):
        raise ValueError(_NO_STATISTICS)
    return {
        entry: Moments(module.running_mean[None].float(), module.running_var[None].float())  # type: ignore[index]
        for entry, (module, _) in layers
    }


@torch.no_grad()
def collect_moments(
    model: nn.Module,
    images: ImageSet,
    by_class: bool = False,
    patch: int = 0,
    device: torch.device | str = "cpu",
    batch: int = 256,
) -> dict[Entry, Moments]:
    """Exact statistics of a whole set, in one pass; the batch size changes nothing.

    On a GPU `batch` is of images up to 224 px, and there are fewer of larger ones.

    Args:
        model: in eval mode, on the device.
        images: shown whole, unaugmented.
        by_class: a group per class instead of one for all.
        patch: also at convolutions, by channel and by patches of this side; 0 for not.

    Source: class-wise statistics, LPLD (arXiv 2410.15919); convolution statistics, G-VBSM
        (arXiv 2311.17950).
    Differs: sums in float64 over all images, shown whole; LPLD's code keeps a moving average, and
        G-VBSM's averages the variances of batches of augmented images.
    """
    groups = images.num_classes if by_class else 1
    batch = batch_at(images.size, torch.device(device), batch)
    sums: dict[Entry, list[Tensor]] = {}
    group = torch.zeros(0, dtype=torch.int64)

    def take(entry: Entry, folded: Tensor) -> None:
        values = folded.double()
        if entry not in sums:
            shape = (groups, values.shape[1])
            sums[entry] = [torch.zeros(shape, dtype=torch.float64, device=device) for _ in "ab"]
            sums[entry].append(torch.zeros(groups, 1, dtype=torch.float64, device=device))
        total, squares, count = sums[entry]
        total.index_add_(0, group, values.sum(2))
        squares.index_add_(0, group, values.square().sum(2))
        pixels = torch.full((len(values), 1), float(values.shape[2]), device=device)
        count.index_add_(0, group, pixels.double())

    with reading(model, take, patch):
        for start in bar(range(0, len(images), batch), "statistics of the pool"):
            part = slice(start, start + batch)
            labels = images.labels[part].to(device)
            group = labels if by_class else torch.zeros_like(labels)
            model(plain_view(images.images[part].to(device), images.traits))
    return {
        entry: _moments(total, squares, count) for entry, (total, squares, count) in sums.items()
    }


def _moments(total: Tensor, squares: Tensor, count: Tensor) -> Moments:
    mean = total / count
    return Moments(mean.float(), (squares / count - mean.square()).clamp(min=0).float())


class Matcher:
    """Distance of a batch's statistics from the real ones, summed over layers.

    The layer that the network defines first has the weight 10, in all that is read there, the
    others 1; a network of one's own may reach another one first.

    Args:
        model: the teacher.
        targets: from `running` or `collect_moments`.
        var_weight: weight of the variances against the means.
        momentum: of a moving average over batches. It replaces the batch's own statistics in the
            value; the gradient still flows through the batch. 0 for none.
        drop: probability to leave a convolution out of one forward pass.
        patch: as in `collect_moments`.

    Source: SRe2L (arXiv 2306.13092), recover/utils.py: norms of the differences, first layer x 10;
        var_weight, DWA (arXiv 2409.17612); momentum and drop, G-VBSM (arXiv 2311.17950).
    Differs: the moving average starts at the first batch's statistics, not at 0.
    """

    def __init__(
        self,
        model: nn.Module,
        targets: dict[Entry, Moments],
        var_weight: float = 1.0,
        momentum: float = 0.0,
        drop: float = 0.0,
        patch: int = 0,
    ) -> None:
        self.model, self.targets, self.var_weight = model, targets, var_weight
        self.momentum, self.drop, self.patch = momentum, drop, patch
        leader, _ = next(iter(targets))
        self.weights = {entry: 10.0 if entry[0] == leader else 1.0 for entry in targets}
        self.history: dict[Entry, tuple[Tensor, Tensor]] = {}

    def __call__(
        self, inputs: Tensor, group: int = 0, draws: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        """Run the teacher on a batch.

        Args:
            inputs: normalised, float32 [B, 3, S, S].
            group: row of the targets: the class if they are class-wise, else 0.
            draws: for `drop`.

        Returns:
            The logits [B, C] and the distance, a scalar.
        """
        parts: list[Tensor] = []
        left_out = ""

        def take(entry: Entry, folded: Tensor) -> None:
            nonlocal left_out
            layer, kind = entry
            if self.drop and kind == "conv":  # its patches come right after
                left_out = layer if float(torch.rand((), generator=draws)) < self.drop else ""
            if layer == left_out:
                return
            folded = folded.float()
            mean, var = folded.mean((0, 2)), folded.var((0, 2), unbiased=False)
            if self.momentum:
                mean, var = self._smooth(entry, mean, var)
            target = self.targets[entry]
            gap = torch.linalg.vector_norm(mean - target.mean[group])
            gap = gap + self.var_weight * torch.linalg.vector_norm(var - target.var[group])
            parts.append(self.weights[entry] * gap)

        with reading(self.model, take, self.patch):
            logits = self.model(inputs)
        return logits, torch.stack(parts).sum() if parts else logits.new_zeros(())

    def _smooth(self, entry: Entry, mean: Tensor, var: Tensor) -> tuple[Tensor, Tensor]:
        """The moving average in value, the batch's own in gradient."""
        own = (mean.detach(), var.detach())
        old = self.history.get(entry, own)
        keep = self.momentum
        new = [keep * o + (1 - keep) * n for o, n in zip(old, own, strict=True)]
        self.history[entry] = (new[0], new[1])
        return new[0] + mean - own[0], new[1] + var - own[1]
