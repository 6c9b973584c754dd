"""The registry of scores: what ranks the images of a pool by one training run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..ground import store
from ..ground.own import code_of
from .recorders import Forgetting, MeanScore, error_norm, margin, probability_margin

EL2N_EPOCHS = 10  # arXiv 2502.06434 and arXiv 2210.15809
FULL_EPOCHS = 30  # Forgetting and AUM watch a whole training; the papers take 60 to 200


@dataclass(frozen=True)
class Metric:
    """A way to rank images by their training.

    Attributes:
        title: its name in figures and tables.
        epochs: epochs of the scoring run that it needs.
        recorder: makes its recorder, from the number of rows and EL2N's epochs.
    """

    title: str
    epochs: int
    recorder: Callable[[int, int], MeanScore | Forgetting]


METRICS: dict[str, Metric] = {
    "el2n": Metric("EL2N", EL2N_EPOCHS, lambda n, few: MeanScore(error_norm, n, epochs=few)),
    "aum": Metric("AUM", FULL_EPOCHS, lambda n, _: MeanScore(margin, n, hard_is=-1)),
    "aum_prob": Metric(
        "AUM (p)", FULL_EPOCHS, lambda n, _: MeanScore(probability_margin, n, hard_is=-1)
    ),
    "forgetting": Metric("Forgetting", FULL_EPOCHS, lambda n, _: Forgetting(n)),
}
_KITS = dict(METRICS)


def score_code(name: str) -> list[str]:
    """Hash of the code of a score that is a user's own; [] for the kit's, and unknown names."""
    metric = METRICS.get(name)
    if metric is None or metric is _KITS.get(name):
        return []
    return [store.config_hash(code_of(metric.recorder))]
