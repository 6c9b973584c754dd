"""Difficulty scores: the formulas, and recorders that collect them while a network trains.

Difficulty is higher for harder images, whatever the native sign of a score.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..data.imagesets import DataError, ImageSet

_MARKED = 16  # rows whose pixels tell pools apart, evenly spread


def _as_floats(name: str, values: Any) -> np.ndarray:
    try:
        return np.asarray(values, dtype=np.float32)
    except (TypeError, ValueError):
        raise DataError(f"{name} scores must be numbers, one for each row") from None


@dataclass(frozen=True, eq=False)
class Scores:
    """Difficulty of the rows of a pool.

    Attributes:
        name: such as "el2n".
        values: float32 [N], higher = harder; numbers of another kind, and numpy's, become float32,
            on the CPU and without a gradient.
        row_ids: int64 [N], the pool's row ids; with them `select` refuses scores of another set.
        never_learned: bool [N], rows never classified correctly; None if not recorded.
        source: the score file that they were read from, or the scoring runs.
        marks: of the pool, see `of`; "" if it is not known, then row ids alone are compared.

    Raises:
        DataError: not one value for each row, no numbers, or row ids of another kind.
    """

    name: str
    values: Tensor
    row_ids: Tensor
    never_learned: Tensor | None = None
    source: str = ""
    marks: str = ""

    def __post_init__(self) -> None:
        values = self.values
        if not isinstance(values, Tensor):
            values = torch.tensor(_as_floats(self.name, values))
        if not isinstance(self.row_ids, Tensor):
            raise DataError(
                f"row_ids of {self.name} scores must be the pool's: Scores.of(pool, ...)"
            )
        if values.shape != self.row_ids.shape:
            raise DataError(
                f"{self.name} scores must be one value for each of {len(self.row_ids)} rows, "
                f"got {list(values.shape)}"
            )
        values = values.detach().cpu().float()  # of uint8, -1 would be 255
        object.__setattr__(self, "values", values)

    @classmethod
    def of(
        cls,
        pool: ImageSet,
        name: str,
        values: Tensor,
        never_learned: Tensor | None = None,
        source: str = "",
    ) -> Scores:
        """Scores that know their pool: its row ids, labels, class names and some of its pixels."""
        return cls(name, values, pool.row_ids, never_learned, source, _marks(pool))

    def fingerprint(self) -> str:
        """Hash of all that a selection depends on: equal fingerprint, equal choice."""
        digest = hashlib.blake2b(self.name.encode(), digest_size=12)
        for numbers in (self.values, self.row_ids, self.never_learned):
            digest.update(b"" if numbers is None else numbers.cpu().numpy().tobytes())
        return digest.hexdigest()

    def aligned_to(self, pool: ImageSet) -> Scores:
        """The same scores, if they belong to this pool.

        Raises:
            DataError: other rows, another order, other images or labels, or a value that is not
                finite.
        """
        if not torch.equal(self.row_ids, pool.row_ids):
            raise DataError(
                f"{self.name} scores ({len(self.row_ids)} rows) belong to other rows than this "
                f"set ({len(pool)}): score the same set that you select from"
            )
        if self.marks and self.marks != _marks(pool):
            raise DataError(
                f"{self.name} scores belong to other images or labels than this set, which has as "
                "many rows: score the same set that you select from"
            )
        bad = (~self.values.isfinite()).nonzero()
        if len(bad):
            row = int(bad[0])
            raise DataError(f"{self.name} score of row {row} is {float(self.values[row])}")
        return self


def _marks(pool: ImageSet) -> str:
    """A short hash that tells pools of equal row ids apart, without reading all of their pixels."""
    few = torch.linspace(0, len(pool) - 1, _MARKED).long()
    digest = hashlib.blake2b(repr((pool.classes, pool.size)).encode(), digest_size=12)
    for part in (pool.labels, pool.images[few]):
        digest.update(part.cpu().contiguous().numpy().data)
    return digest.hexdigest()


def error_norm(logits: Tensor, labels: Tensor) -> Tensor:
    """EL2N of single predictions: || softmax(z) - onehot(y) ||_2.

    Args:
        logits: float [B, C].
        labels: int64 [B].

    Returns:
        float32 [B], 0..sqrt(2), high = hard.

    Source: Paul et al., arXiv 2107.07075, definition 2.
    """
    error = logits.float().softmax(dim=1) - F.one_hot(labels, logits.shape[1])
    return error.norm(dim=1)


def margin(values: Tensor, labels: Tensor) -> Tensor:
    """Own class minus the best other class; AUM is its mean over presentations.

    Args:
        values: float [B, C], logits or probabilities.
        labels: int64 [B].

    Returns:
        float32 [B], high = easy.

    Source: Pleiss et al., arXiv 2001.10528, equation 1.
    """
    own = values.gather(1, labels[:, None]).squeeze(1)
    others = values.scatter(1, labels[:, None], float("-inf"))
    return (own - others.max(dim=1).values).float()


def probability_margin(logits: Tensor, labels: Tensor) -> Tensor:
    """Margin of the probabilities, float32 [B] in -1..1: the AUM of arXiv 2210.15809's code."""
    return margin(logits.float().softmax(dim=1), labels)


class MeanScore:
    """Recorder: the mean of a per-prediction number over the presentations of each row.

    Rows are seen once per epoch, so the mean ranks them as the sum over epochs does.

    Args:
        measure: (logits [B, C], labels [B]) -> [B].
        rows: size of the pool.
        hard_is: +1 if a high number means hard, -1 if it means easy.
        epochs: number of first epochs that count; None for all.
    """

    def __init__(
        self,
        measure: Callable[[Tensor, Tensor], Tensor],
        rows: int,
        hard_is: int = 1,
        epochs: int | None = None,
    ) -> None:
        self.measure, self.hard_is, self.epochs = measure, hard_is, epochs
        self.sums = torch.zeros(2, rows)  # total and count of presentations

    def update(self, epoch: int, rows: Tensor, logits: Tensor, labels: Tensor) -> None:
        """See checkpoint.Recorder."""
        if self.epochs is not None and epoch >= self.epochs:
            return
        self.sums = self.sums.to(rows.device)
        values = self.measure(logits, labels)
        if (given := getattr(values, "shape", None)) != labels.shape:
            name = getattr(self.measure, "__name__", "a score")
            what = type(values).__name__ if given is None else list(given)
            raise ValueError(f"score {name!r} gives {what}, and needs [B], here {[len(labels)]}")
        self.sums.index_add_(1, rows, torch.stack([values, torch.ones_like(values)]))

    def compute(self) -> Tensor:
        """Difficulty float32 [N]; NaN for a row that was never presented."""
        total, count = self.sums.cpu()
        return self.hard_is * total / count

    def state(self) -> dict[str, Tensor]:
        """See checkpoint.Recorder."""
        return {"sums": self.sums}

    def restore(self, state: dict[str, Tensor]) -> None:
        """See checkpoint.Recorder."""
        self.sums = state["sums"]


class Forgetting:
    """Recorder: how often a row changed from right to wrong between two presentations.

    Args:
        rows: size of the pool.

    Source: Toneva et al., arXiv 1812.05159. A wrong first presentation is not a forgetting.
    """

    def __init__(self, rows: int) -> None:
        # right at the last presentation, ever right, forgettings, presentations
        self.table = torch.zeros(4, rows)

    def update(self, epoch: int, rows: Tensor, logits: Tensor, labels: Tensor) -> None:
        """See checkpoint.Recorder."""
        self.table = self.table.to(rows.device)
        was_right, ever_right, forgettings, count = self.table[:, rows]
        right = (logits.argmax(dim=1) == labels).float()
        self.table[:, rows] = torch.stack(
            [
                right,
                torch.maximum(ever_right, right),
                forgettings + was_right * (1 - right),
                count + 1,
            ]
        )

    def never_learned(self) -> Tensor:
        """bool [N], rows that were never right."""
        return self.table[1].cpu() == 0

    def compute(self) -> Tensor:
        """Difficulty float32 [N]: forgettings; a row never learned counts every presentation.

        Differs: other code leaves never-learned rows at 0, where they look easiest.
        """
        return torch.where(self.never_learned(), self.table[3].cpu(), self.table[2].cpu())

    def state(self) -> dict[str, Tensor]:
        """See checkpoint.Recorder."""
        return {"table": self.table}

    def restore(self, state: dict[str, Tensor]) -> None:
        """See checkpoint.Recorder."""
        self.table = state["table"]
