"""Scores of compressed sets beyond accuracy: how far from full data, how far above random.

All take accuracies in percent, as the tables hold them, and compute on fractions, so that the two
scores of DD-Ranking lie between 0 and 1.
"""

from __future__ import annotations

import math

import pandas as pd
import torch

from ...data.imagesets import ImageSet
from ...ground.runtime import Runtime
from ...train.evaluation import predict
from ...train.teachers import Teacher
from .stats import differences

_LEAST, _MOST = math.exp(-1), math.e


def hlr(full: float, hard: float) -> float:
    """Hard-label recovery gap: accuracy of full data less the set's, both with hard labels.

    Returns:
        Percentage points; lower is better.

    Source: DD-Ranking (NUS-HPC-AI-Lab), HLR.
    """
    return full - hard


def ior(own: float, random: float) -> float:
    """Improvement over random: the set's accuracy less a random set's under the same treatment.

    Returns:
        Percentage points; higher is better.

    Source: DD-Ranking, IOR.
    """
    return own - random


def _squash(value: float) -> float:
    """From -1..1 to 0..1; 0 becomes 0.269."""
    return (math.exp(value) - _LEAST) / (_MOST - _LEAST)


def lrs(full: float, hard: float, own: float, random: float, weight: float = 0.5) -> float:
    """Label-robust score: gain over random under the method's labels, less the hard-label gap.

    Args:
        full, hard: see `hlr`. own, random: see `ior`. All in percent.
        weight: of the gain against the gap, 0..1.

    Returns:
        0..1; higher is better.

    Source: DD-Ranking, LRS. Differs: on fractions; the released code puts percent into the
        exponent and leaves 0..1.
    """
    gain, gap = ior(own, random) / 100, hlr(full, hard) / 100
    return _squash(weight * gain - (1 - weight) * gap)


def ars(
    augmented: float,
    random_augmented: float,
    plain: float,
    random_plain: float,
    weight: float = 0.5,
) -> float:
    """Augmentation-robust score: gain over random with augmentation and without.

    Args:
        augmented, random_augmented: accuracies with the protocol's augmentation, percent.
        plain, random_plain: without any.
        weight: of the first against the second, 0..1.

    Returns:
        0..1; higher is better.

    Source: DD-Ranking, ARS; on fractions, as in `lrs`.
    """
    with_views = ior(augmented, random_augmented) / 100
    without = ior(plain, random_plain) / 100
    return _squash(weight * with_views + (1 - weight) * without)


def ranking(table: pd.DataFrame, full: float) -> pd.DataFrame:
    """HLR, IOR and LRS of every method and ipc of a grid that was run with hard and soft labels.

    Args:
        table: tidy table with columns method, family, ipc, labels, top1.
        full: accuracy of the same network trained on the whole pool with hard labels, percent.

    Returns:
        A row per method and ipc: method, family, ipc, hard, soft, gap (soft - hard), hlr, ior_hard,
        ior_soft, lrs; means over seeds, in points but for lrs.

    Raises:
        ValueError: hard or soft labels, or the random baseline, are missing.
    """
    means = table.pivot_table("top1", ["method", "family", "ipc"], "labels", sort=False)
    for labels in ("hard", "soft"):
        if labels not in means:
            raise ValueError(f"the table has no runs with {labels} labels")
    rows = means.reset_index()
    if "random" not in set(rows["method"]):
        raise ValueError("the table has no random baseline")
    base = rows[rows["method"] == "random"].set_index("ipc")
    random_hard, random_soft = (rows["ipc"].map(base[k]) for k in ("hard", "soft"))
    rows["gap"] = rows["soft"] - rows["hard"]
    rows["hlr"] = full - rows["hard"]
    rows["ior_hard"] = rows["hard"] - random_hard
    rows["ior_soft"] = rows["soft"] - random_soft
    rows["lrs"] = [
        lrs(full, hard, soft, random)
        for hard, soft, random in zip(rows["hard"], rows["soft"], random_soft, strict=True)
    ]
    columns = ["method", "family", "ipc", "hard", "soft", "gap", "hlr"]
    return rows[[*columns, "ior_hard", "ior_soft", "lrs"]].rename_axis(columns=None)


def against_random(table: pd.DataFrame) -> pd.DataFrame:
    """Every method's paired difference to Random, for each ipc, protocol and network.

    Args:
        table: tidy table with columns method, ipc, protocol, student, seed, top1.

    Returns:
        The rows of `stats.differences` with columns ipc, protocol and student in front.
    """
    found = []
    for (ipc, protocol, student), part in table.groupby(["ipc", "protocol", "student"], sort=False):
        pairs = [(name, "random") for name in part["method"].unique() if name != "random"]
        rows = differences(part, pairs, by="method")
        found.append(rows.assign(ipc=ipc, protocol=protocol, student=student))
    joined = pd.concat(found, ignore_index=True)
    front = ["ipc", "protocol", "student"]
    return joined[front + [c for c in joined if c not in front]]


def answers(teacher: Teacher, sets: dict[str, ImageSet], runtime: Runtime) -> pd.DataFrame:
    """What a teacher says of sets: how much its answers vary from image to image.

    Where they hardly vary there is little for a student to learn, whatever the labels are called.

    Args:
        teacher: who is asked, image by image, whole and unaugmented.
        sets: name -> set.
        runtime: device and precision.

    Returns:
        A row per set: classes (how many are ever the most likely), spread (sd of the logits over
        images, mean over classes), sure (mean probability of the most likely class, 0..1), right
        (share of images given their own label, percent).
    """
    rows = {}
    for name, images in sets.items():
        logits = torch.stack([predict(m, images, runtime) for m in teacher.models]).mean(0)
        guesses = logits.argmax(1)
        rows[name] = {
            "classes": len(guesses.unique()),
            "spread": float(logits.std(0).mean()),
            "sure": float(logits.softmax(1).amax(1).mean()),
            "right": 100 * float((guesses == images.labels).float().mean()),
        }
    return pd.DataFrame.from_dict(rows, orient="index")
