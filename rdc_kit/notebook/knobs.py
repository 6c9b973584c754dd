"""Exercises that change a knob - which images, which protocol, which network - and measure again.

Every check looks at the set, table, scores or corruption that the reader made. Where the answer is
a set, it trains on it too, with the run's own protocol and seeds. It returns what the reader was
asked to predict.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import torch

from ..data.imagesets import ImageSet
from ..data.saving import image_bytes
from ..methods import METHODS
from ..prune.recorders import Scores
from ..study.grid.arms import Arm, arm_named
from ..study.grid.setups import Setup
from ..study.verdicts import stats
from ..train.accuracy import predict
from ..train.evaluation import evaluate
from ..train.training import fit
from .answers import Interval, NotYet, as_images, as_values, ask
from .runs import Run

_SHALLOW = "convnet2-w32"  # the network that 06-2 asks for
_ALL_SEEDS = "run it with the seeds of the table (run.experiment does), to pair them"


def _per_class(images: ImageSet, count: int | None = None) -> int:
    """How many images each class has.

    Raises:
        NotYet: classes differ, or it is not the number asked for.
    """
    found = images.counts().tolist()
    if min(found) != max(found):
        raise NotYet(f"classes have {min(found)} to {max(found)} images: keep as many of each")
    if count is not None and found[0] != count:
        raise NotYet(f"each class has {found[0]} images, {count} are asked")
    return int(found[0])


def _composites(answer: Any, pool: ImageSet, scores: Scores) -> float:
    """00-1; predicted: the share of an original's pixels that are left, percent."""
    made = as_images(answer)
    if made.members is None:
        raise NotYet("these are no composites yet: combine them")
    if made.grid != (3, 3):
        raise NotYet(f"the grid is {made.grid[0]} x {made.grid[1]}")
    _per_class(made, 1)
    values = dict(zip(pool.row_ids.tolist(), scores.values.tolist(), strict=True))
    for label, members in zip(made.labels.tolist(), made.members.tolist(), strict=True):
        if len(set(members)) < len(members):
            raise NotYet(f"the composite of {pool.classes[label]!r} holds an image more than once")
        ninth = float(scores.values[pool.rows_of(label)].sort().values[8])
        if max(values[row] for row in members) > ninth:
            raise NotYet(f"class {pool.classes[label]!r} has easier images than those inside")
    return 100 / 9


def _middle(answer: Any, pool: ImageSet, scores: Scores, run: Run) -> float:
    """00-2; predicted: accuracy of a network trained on them, percent."""
    chosen = as_images(answer)
    _per_class(chosen, 1)
    for label, row in zip(chosen.labels.tolist(), chosen.row_ids.tolist(), strict=True):
        own = scores.values[pool.rows_of(label)]
        place = int((pool.row_ids == row).nonzero())
        below = float((own < scores.values[place]).float().mean())
        if not 0.4 <= below <= 0.6:
            easier = f"{100 * below:.0f} % of its class are easier"
            raise NotYet(f"the image of {pool.classes[label]!r} is not in the middle: {easier}")
    return round(evaluate(chosen, run.setup.test, run.protocol(), run.seeds).mean, 1)


def _against(mine: Any, rows: pd.DataFrame) -> Interval:
    """Accuracy of new rows minus that of others, paired by seed.

    Raises:
        NotYet: not the same seeds.
    """
    new, old = (part.set_index("seed")["top1"] for part in (mine, rows))
    if set(new.index) != set(old.index):
        raise NotYet(_ALL_SEEDS)
    values = (new - old).to_numpy(float)
    return Interval(*stats.mean_interval(values), len(values))


def _rows(answer: Any, **wanted: Any) -> pd.DataFrame:
    """The rows of a measured table that have these values.

    Raises:
        NotYet: no table, or no such row.
    """
    if not isinstance(answer, pd.DataFrame) or not {"arm", "seed", "top1"} <= {*answer.columns}:
        raise NotYet("expected a table from run.measure(run.experiment(...))")
    rows = answer
    for column, value in wanted.items():
        if not (rows[column] == value).any():
            found = ", ".join(map(str, rows[column].unique()))
            raise NotYet(f"no row has {column} = {value}; the rows have {found}")
        rows = rows[rows[column] == value]
    return rows


def _cold(answer: Any, table: pd.DataFrame) -> Interval:
    """01-3; predicted: random images with soft labels, T = 1 minus T = 20, points."""
    ipc = table["ipc"].max()
    mine = _rows(answer, method="random", labels="soft", ipc=ipc)
    if (mine["arm"] == "random").any():
        raise NotYet('this is T = 20 again: the arm changes {"temperature": 1.0}')
    mine = _rows(mine, arm="random temperature=1")
    usual = table[(table["arm"] == "random") & (table["protocol"] == "soft")]
    return _against(mine, usual[usual["ipc"] == ipc])


def _unbalanced(answer: Any, pool: ImageSet, scores: Scores, ipc: int) -> float:
    """02-1; predicted: classes without any image."""
    chosen, count = as_images(answer), ipc * pool.num_classes
    if len(chosen) != count:
        raise NotYet(f"there are {len(chosen)} images, {count} are asked")
    if len(chosen.row_ids.unique()) < count:
        raise NotYet("an image is in the set more than once")
    known = torch.isin(pool.row_ids, chosen.row_ids)
    limit = scores.values.sort().values[count - 1]
    if float(scores.values[known].max()) > float(limit):
        balanced = chosen.counts().min() == chosen.counts().max()
        raise NotYet(
            "these are the easiest of each class: forget the classes"
            if balanced
            else "easier images are left behind"
        )
    return float((chosen.counts() == 0).sum())


def _partial_judge(answer: Any, table: pd.DataFrame, setup: Setup) -> str:
    """03-3; predicted: the method whose entropy falls most when the teacher judges."""
    if not isinstance(answer, pd.DataFrame) or not {"method", "seed", "stored"} <= {*answer}:
        raise NotYet("expected a table from entropy.entropy_of_sets(...)")
    pairs = table.merge(answer, on=["method", "seed"], suffixes=("", "_mine"))
    if len(pairs) < len(answer) or set(pairs["method"]) != set(table["method"]):
        raise NotYet("it must judge sets of the table, one of every method at least")
    teacher, judges = ", ".join(setup.networks()), set(answer["observer"])
    if pairs["stored"].equals(pairs["stored_mine"]):  # a teacher may have the observer's name
        raise NotYet("the judge is still the observer of the table")
    if judges != {teacher}:
        found = ", ".join(map(str, judges))
        raise NotYet(f"the judge is {found}; the teacher is asked, which is {teacher}")
    fall = (pairs["stored"] - pairs["stored_mine"]).groupby(pairs["method"]).mean()
    return METHODS[str(fall.idxmax())].title


def _both_knobs(answer: Any, table: pd.DataFrame, full: str) -> Interval:
    """05-3; predicted: Cutout 0.5 and r = 0.75 together minus the full PCA, points."""
    both = {"cutout": 0.5, "crop": (0.75, 1.0)}
    mine = _rows(answer, arm=Arm("pca", arm_named(full).options, both).key)
    return _against(mine, table[table["arm"] == full])


def _shallow(answer: Any, table: pd.DataFrame) -> Interval:
    """06-2; predicted: PCA minus random on ConvNet-2 of width 32, points."""
    random, pca = (_rows(answer, student=_SHALLOW, method=name) for name in ("random", "pca"))
    if len(set(answer["student"])) > 1:
        raise NotYet("one network is asked")
    if set(random["seed"]) != set(table["seed"]):
        raise NotYet(_ALL_SEEDS)
    return _against(pca, random)


def _rescored(answer: Any, pool: ImageSet, ipc: int) -> float:
    """06-3; predicted: images that two of the sets share, percent."""
    if not isinstance(answer, list | tuple) or len(answer) != 3:
        raise NotYet("expected a list of three sets")
    for chosen in map(as_images, answer):
        _per_class(chosen, ipc)
        made = chosen.provenance
        if (made.get("order"), made.get("score")) != ("easy", "el2n"):
            raise NotYet("take the easiest images by EL2N each time")
    rows = [set(chosen.row_ids.tolist()) for chosen in answer]
    pairs = [(rows[0], rows[1]), (rows[0], rows[2]), (rows[1], rows[2])]
    if any(a == b for a, b in pairs):
        raise NotYet("two of the sets are the same: the seed of the scoring run must change")
    return round(100 * float(np.mean([len(a & b) / len(a) for a, b in pairs])), 0)


def _same_bytes(answer: Any, price: pd.DataFrame, run: Run) -> Interval:
    """07-2; predicted: more images with hard labels minus EL2N's with soft ones, points."""
    images = as_images(answer)
    count = _per_class(images)
    soft = price[(price["method"] == "el2n") & (price["protocol"] == "soft")]
    room = float((soft["image_bytes"] + soft["label_bytes"]).mean())
    used = image_bytes(images) + len(images)
    if used > room:
        raise NotYet(f"they take {used:,} bytes; there is room for {room:,.0f}")
    most = int(run.setup.pool.counts().min())
    if count < most and used * (count + 1) / count < 0.95 * room:
        raise NotYet(f"they take {used:,} of {room:,.0f} bytes: another one of each class fits")
    pool, scores = run.setup.pool, run.setup.score("el2n")
    chosen = torch.isin(pool.row_ids, images.row_ids)
    for label, name in enumerate(pool.classes):
        own = pool.labels == label
        if scores.values[own & chosen].max() > scores.values[own].sort().values[count - 1]:
            raise NotYet(f"class {name!r} has easier images than these")
    result = evaluate(images, run.setup.test, run.protocol(), run.seeds)
    return _against(pd.DataFrame(result.rows), soft)


def _blanked(own: Any, run: Run) -> float:
    """08-2; predicted: accuracy of PCA's student on images without a lower half, percent."""
    test = run.setup.test
    images, half = test.images[:8].cpu(), test.size // 2
    given = images.clone()
    found = as_values(ask(own, images), tuple(given.shape))
    if not torch.equal(images, given):
        raise NotYet("it changes the images that it is given: work on a copy (images.clone())")
    if ((found < 0) | (found > 255) | (found != found.round())).any():
        raise NotYet("its values are no whole numbers from 0 to 255: keep the scale of the images")
    if not torch.equal(found[:, :, :half], given[:, :, :half].double()):
        raise NotYet("the upper half must stay as it is")
    if len(found[:, :, half:].unique()) > 1:
        raise NotYet("the lower half must be one grey")
    blank = torch.as_tensor(ask(own, test.images.clone())).to(torch.uint8)
    stored = run.setup.make(Arm("pca", {"grid": run.grid}), run.ipc)
    model = fit(stored, run.protocol(), runtime=run.runtime).model
    right = predict(model, replace(test, images=blank), run.runtime).argmax(1) == test.labels.cpu()
    return round(100 * float(right.float().mean()), 1)


def _distance(answer: Any, pool: ImageSet, scores: Scores) -> float:
    """08-3; predicted: Spearman's rank correlation with EL2N."""
    found = as_values(answer, (len(pool),))
    pixels = pool.images.cpu().float().flatten(1)
    means = torch.stack([pixels[pool.rows_of(c)].mean(0) for c in range(pool.num_classes)])

    def agrees(other: torch.Tensor) -> float:
        pair = pd.DataFrame({"a": found.numpy(), "b": other.double().numpy()})
        return float(pair.corr("spearman").iloc[0, 1])

    away = pixels - means[pool.labels.cpu()]
    own = away.norm(dim=1)
    if agrees(own) < -0.999:
        raise NotYet("turned round: higher must mean harder, so farther from the mean")
    if agrees((pixels - pixels.mean(0)).norm(dim=1)) > 0.999:
        raise NotYet("this is the distance to the mean of all images: take that of the own class")
    if agrees(away.abs().sum(dim=1)) > 0.999:
        raise NotYet("this adds up absolute differences: the Euclidean distance adds up squares")
    if agrees(own) < 0.999:
        raise NotYet("the order is not that of the distances to the mean image of the own class")
    return round(agrees(scores.values), 2)


CHECKS = {
    "00-1": _composites,
    "00-2": _middle,
    "01-3": _cold,
    "02-1": _unbalanced,
    "03-3": _partial_judge,
    "05-3": _both_knobs,
    "06-2": _shallow,
    "06-3": _rescored,
    "07-2": _same_bytes,
    "08-2": _blanked,
    "08-3": _distance,
}
