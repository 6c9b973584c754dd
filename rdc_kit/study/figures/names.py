"""Names for people: text made from the columns of a row, in this file and nowhere else.

No table is joined on these words. A changed word changes figures and tables, but no number and no
verdict.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd

from ...data.sources import traits_of
from ...methods import METHODS
from ...prune.metrics import METRICS

VIEWS = {"stored": "stored", "whole": "whole", "shuffle": "shuffled", "cell": "extracted"}
ORDERS = {"easy": "easiest", "hard": "hardest", "random": "random", "ccs": "spread (CCS)"}
_VIEWS_OF_PCA = {"whole": "seen whole", "shuffle": "shuffled"}
_ORDERS_OF_PCA = {"hard": "of the hardest", "random": "of random originals"}
GROUPING_TITLES = {
    "rank_block": "spread over the ranks",
    "sequential": "neighbours in rank",
    "random": "grouped at random",
}
_MIXES = {"mixup": "Mixup", "cutmix": "CutMix"}

Row = Mapping[Hashable, Any]


def source_title(source: str) -> str:
    """A source's name, of a folder or file only the last part: "folder:birds"."""
    kind, colon, place = source.partition(":")
    return f"{kind}:{place.rstrip('/').rpartition('/')[2]}" if colon else source


def method_title(method: str, order: str = "") -> str:
    """A method's title, for a pruning metric with the end that is kept; or its name.

    Its name where the kit does not know it: results outlive the program that registered a method.

    Args:
        method: its name. order: which end; the method's usual one when left out.
    """
    if method not in METHODS:
        return method
    made, ends = METHODS[method], ("easy", "hard")
    usual = str((made.options | made.fixed).get("order"))  # one's own may keep no end
    kept = str(made.fixed.get("order", order or usual))
    of_an_end = made.family == "pruning" and usual in ends and kept in ends
    return f"{made.title}, {ORDERS[kept]}" if of_an_end else made.title


def metric_title(metric: str) -> str:
    """A metric's title, or its name where the kit does not know it."""
    return METRICS[metric].title if metric in METRICS else metric


def arm_title(row: Row) -> str:
    """An arm's name, from the columns of one of its rows: the method, and what is not usual."""
    method, order = str(row["method"]), _value(row, "order", "easy")
    if method not in METHODS:
        return str(row.get("arm", method))
    if method != "pca":
        words = [*_option_words(row, method), *_protocol_words(row, method)]
        metric, fixed = _value(row, "metric", ""), METHODS[method].fixed
        own = metric and "order" not in fixed and metric != fixed.get("metric", metric)
        title = f"{metric}, {ORDERS[order]}" if own else method_title(method, order)
        return ", ".join([title, *words])
    pool = _value(row, "pool", "")
    if pool:
        top = "random" if order == "random" else METHODS["pca"].title
        return f"{top} on {METHODS[pool].title if pool in METHODS else pool}"
    return ", ".join([METHODS["pca"].title, *_set_words(row, order), *_protocol_words(row, "pca")])


def _option_words(row: Row, method: str) -> list[str]:
    """How a set that is not PCA's differs from its method's usual one."""
    skip, grid = _value(row, "skip", 0.0), _value(row, "grid", "1x1")
    words = ["spectrum of the pool"] * (_value(row, "spectrum", "") == "pool")
    words += [f"from {100 * skip:g} %"] * bool(skip)
    small = _value(row, "size", 224) <= 64  # above, RDED has 2 x 2 crops as published
    words += [grid.replace("x", " x ")] * (method == "rded" and small and grid != "1x1")
    return words


def _set_words(row: Row, order: str) -> list[str]:
    """How PCA's composites differ from the usual ones."""
    metric, grid = _value(row, "metric", "el2n"), _value(row, "grid", "2x2")
    words = [_ORDERS_OF_PCA.get(order, "")]
    words += [f"by {metric_title(metric)}" if metric != "el2n" else ""]
    words += [grid.replace("x", " x ") if grid != "2x2" else ""]
    grouping = _value(row, "grouping", "rank_block")
    words += [GROUPING_TITLES[grouping] if grouping != "rank_block" else ""]
    ipc, budget = _value(row, "ipc", 0), _value(row, "budget", _value(row, "ipc", 0))
    words += [f"k = ipc ({ipc:g} stored)" if ipc != budget else ""]
    return [word for word in words if word]


def _protocol_words(row: Row, method: str) -> list[str]:
    """How the protocol differs from the usual one: view, crop, Cutout, mixing."""
    hard = _value(row, "labels", "hard") == "hard"
    view = _value(row, "view", METHODS[method].view)
    words = [_VIEWS_OF_PCA.get(view, "") if view != METHODS[method].view and hard else ""]
    low, usual = _value(row, "crop_low", None), traits_of(str(row.get("dataset", ""))).min_crop
    words += [f"r = {low:g}" if low is not None and low != usual and hard else ""]
    cutout, mix = _value(row, "cutout", 0.0), _value(row, "mix", "none")
    words += [f"Cutout {cutout:g}" if cutout else "", _MIXES.get(mix, "") if hard else ""]
    words += ["teacher by batch" if _value(row, "teacher_norm", "eval") == "batch" else ""]
    words += ["labels unmixed" if _value(row, "loss", "ce") == "ce_unmixed" else ""]
    return [word for word in words if word]


def _value(row: Row, column: str, missing: Any) -> Any:
    """A row's value; `missing` where the column is absent or empty."""
    value = row.get(column, missing)
    return missing if value is None or value == "" or value != value else value


def arm_titles(table: pd.DataFrame) -> dict[str, str]:
    """Key of every arm of a table -> its name, in the order of the table.

    Arms that would have one name get the words of their keys that the others do not all have:
    "Random, temperature=1".
    """
    first = table.drop_duplicates("arm").to_dict("records")
    titles = {str(row["arm"]): arm_title(row) for row in first}
    return {
        key: ", ".join([title, *_own_words(key, title, titles)]) for key, title in titles.items()
    }


def _own_words(key: str, title: str, titles: Mapping[str, str]) -> list[str]:
    """The words of a key that are not in the key of every arm with this title."""
    shared = set.intersection(*(set(k.split()) for k, other in titles.items() if other == title))
    return [word for word in key.split() if word not in shared]


def titled(differences: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """A table of differences for people: with the names of the arms instead of their keys.

    Args:
        differences: from `stats.differences`, columns a and b.
        table: the rows that they were computed from.
    """
    names = arm_titles(table)
    shown = {column: differences[column].map(lambda key: names.get(key, key)) for column in "ab"}
    return differences.assign(**shown)


def in_words(differences: pd.DataFrame) -> str:
    """A sentence for each difference: which is higher and by how much, or that it is undecided.

    Args:
        differences: from `stats.differences`, a and b named as they shall be read.
    """
    return "\n".join(map(_sentence, differences.to_dict("records")))


def _sentence(row: Row) -> str:
    a, b, value, low, high = (row[name] for name in ("a", "b", "difference", "low", "high"))
    if row["reading"] == "not evidence":
        return f"{a} minus {b}: {value:+.1f} from n = {row['n']}, not evidence"
    if row["reading"] == "undecided":
        return f"{a} minus {b}: undecided, {value:+.1f} ({low:+.1f} to {high:+.1f}, n = {row['n']})"
    if row["reading"] == "b is higher":
        a, b, value, low, high = b, a, -value, -high, -low
    return f"{a} is above {b} by {value:.1f} ({low:.1f} to {high:.1f}, n = {row['n']})"
