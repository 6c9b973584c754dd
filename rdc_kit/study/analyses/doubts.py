"""Labels that are likely wrong: what networks say of images that they were not trained on."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from ...data.imagesets import DataError, ImageSet
from ...data.origins import first_copies
from ...ground import store
from ...ground.arrays import load_arrays, save_arrays
from ...ground.folders import runs_dir
from ...ground.seeds import generator
from ...prune.recorders import MeanScore, margin
from ...train import models, protocols
from ...train.accuracy import predict
from ...train.training import fit
from ..grid.setups import Setup

_FOLDS = 3
_BATCH = 50  # images per step below 1,000 images
_STEPS = 200  # of each network at least: small pools are passed over more often
_EPOCHS = 10  # at least
_ANSWERS = "answers.npz"


class Answers(NamedTuple):
    """What networks that were trained on parts of a pool say of it.

    Attributes:
        probabilities: float32 [N, C], of each image by the one network that did not train on it.
        aum: float32 [N], area under the margin in the trainings that an image took part in; low
            where the label was learned late or never.
    """

    probabilities: Tensor
    aum: Tensor


def out_of_fold(setup: Setup) -> Answers:
    """Cross-fitting: each third of the pool is judged by a network trained on the other parts.

    Copies of one image are in one part, so that no network has seen an image that it judges. Kept
    on disk.

    Args:
        setup: its pool is judged by its student; the test set is not looked at.

    Raises:
        DataError: a class with fewer than three different images.

    Source: Northcutt et al., arXiv 1911.00068 (JAIR 2021), section 3; AUM: Pleiss et al., arXiv
        2001.10528.
    Differs: short trainings with a batch that follows the pool's size, for a laptop.
    """
    pool, parts = setup.pool, fold_of(setup.pool, _FOLDS)
    few = round(len(pool) * (1 - 1 / _FOLDS))
    batch = _BATCH if few < 1000 else 128
    epochs = max(_EPOCHS, math.ceil(_STEPS * batch / few))
    protocol = protocols.squeezing(epochs=setup.scoring_epochs.get("aum", epochs), batch=batch)
    config = {"what": "out of fold", "pool": setup.keys[0], "folds": _FOLDS, "seed": 0}
    config |= {"protocol": protocol.as_dict(), "student": pool.student}
    config |= models.network_code(pool.student)
    config |= {"precision": setup.runtime.precision, "device": setup.runtime.device.type}

    def make(home: Path) -> dict[str, Any]:
        probabilities = torch.zeros(len(pool), pool.num_classes)
        margins = torch.zeros(len(pool))
        for fold in range(_FOLDS):
            rows, apart = (parts != fold).nonzero()[:, 0], (parts == fold).nonzero()[:, 0]
            recorder = MeanScore(margin, len(rows))
            kept = home / f"checkpoint-{fold}.npz"
            fitted = fit(
                pool[rows], protocol, None, fold, setup.runtime, [recorder], checkpoint=kept
            )
            probabilities[apart] = predict(fitted.model, pool[apart], setup.runtime).softmax(1)
            margins[rows] += recorder.compute() / (_FOLDS - 1)
        save_arrays(home / _ANSWERS, {"probabilities": probabilities, "aum": margins})
        for kept in home.glob("checkpoint-*.npz"):
            kept.unlink()
        return {"epochs": protocol.epochs}

    return Answers(**load_arrays(store.cached(runs_dir("doubts"), config, make) / _ANSWERS))


def fold_of(pool: ImageSet, folds: int, seed: int = 0) -> Tensor:
    """The part of each image, int64 [N] in 0..folds-1: alike in every class, copies in one part.

    Raises:
        DataError: a class with fewer different images than folds.
    """
    first = first_copies(pool.images)
    parts = torch.zeros(len(pool), dtype=torch.int64)
    for label in range(pool.num_classes):
        rows = pool.rows_of(label)
        rows = rows[first[rows] == rows]
        if len(rows) < folds:
            raise DataError(
                f"class {pool.classes[label]!r} has {len(rows)} different images, {folds} are "
                "needed to judge its labels by networks that have not seen them: add images"
            )
        order = torch.randperm(len(rows), generator=generator(seed, "folds", label))
        parts[rows[order]] = torch.arange(len(rows)) % folds
    return parts[first]


def doubts(probabilities: np.ndarray, labels: np.ndarray) -> pd.DataFrame:
    """Every image, the most doubtful label first.

    A class's threshold is the mean probability that its own images get for it. A network is sure
    of a class where it gives it at least that much. A label is *doubtful* where the network is sure
    of another class, and of that one most; among these, and then among the others, those come
    first whose own class trails most behind the best other one.

    Args:
        probabilities: float [N, C], out of sample.
        labels: int [N], as given.

    Returns:
        Columns position (in the pool), given and seen (classes; seen is the likeliest other one
        where the label is not doubtful), own and other (probabilities of the two), doubtful.

    Source: Northcutt et al., arXiv 1911.00068 (JAIR 2021), equations 1 and 2: off the diagonal of
        the confident joint, ranked by normalised margin.
    """
    p, labels = np.asarray(probabilities, float), np.asarray(labels)
    rows, classes = np.arange(len(p)), np.arange(p.shape[1])
    own = p[rows, labels]
    # A class without images has no threshold, and no label can be doubted in its favour.
    known = [own[labels == k].mean() if (labels == k).any() else np.inf for k in classes]
    sure = np.where(p >= np.array(known) - 1e-6, p, -1.0)
    confident = np.where(sure.max(1) > 0, sure.argmax(1), labels)
    doubtful = confident != labels
    others = p.copy()
    others[rows, labels] = -1.0
    seen = np.where(doubtful, confident, others.argmax(1))
    table = pd.DataFrame({"position": rows, "given": labels, "seen": seen})
    table = table.assign(own=own, other=p[rows, seen], doubtful=doubtful)
    order = np.lexsort((own - others.max(1), ~doubtful))
    return table.iloc[order].reset_index(drop=True)


def named_doubts(pool: ImageSet, answers: Answers, names: list[str]) -> pd.DataFrame:
    """Every image of a pool for people, the most doubtful label first; see `doubts`.

    Args:
        pool: the set that was judged.
        answers: of `out_of_fold`.
        names: of its images, see `origins.names_of`.

    Returns:
        Columns position, file, given, seen (class names), sure (probability of the class that was
        seen, percent), own (of the given one), aum_rank (place by AUM among all images of the
        pool; 1 is the least well learned), doubtful.
    """
    table = doubts(answers.probabilities.numpy(), pool.labels.numpy())
    ranks = answers.aum.numpy().argsort().argsort() + 1
    classes = np.array(pool.classes, dtype=object)
    position = table["position"].to_numpy()
    return pd.DataFrame(
        {
            "position": position,
            "file": [names[k] for k in position],
            "given": classes[table["given"]],
            "seen": classes[table["seen"]],
            "sure": (100 * table["other"]).round(1),
            "own": (100 * table["own"]).round(1),
            "aum_rank": ranks[position],
            "doubtful": table["doubtful"],
        }
    )


def trust(pool: ImageSet, answers: Answers, table: pd.DataFrame) -> str:
    """How far the doubts can be trusted, in a sentence made from the numbers.

    Args:
        pool, answers, table: of `named_doubts`.
    """
    doubtful = int(table["doubtful"].sum())
    hits = answers.probabilities.argmax(1) == pool.labels
    right, chance = 100 * float(hits.float().mean()), 100 / pool.num_classes
    share = 100 * doubtful / len(pool)
    said = (
        f"Networks that had not seen an image agree with its label in {right:.0f} % of "
        f"{len(pool):,} images (chance: {chance:.0f} %); {doubtful} labels ({share:.1f} %) are "
        "doubtful"
    )
    if right - chance < (100 - chance) / 2:  # less than half of what can be known beyond chance
        return f"{said}. They know these classes too little: take the list as a guess."
    if doubtful == 0:
        return f"{said}."
    return f"{said}. Look at each: the network errs, too."
