"""Names for people: text made from the columns of a row, in this file and nowhere else.

No table is joined on these words. A changed word changes figures and tables, but no number and no
verdict.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd

from ...data.sources import traits_of
from ...methods import METHODS
from ...prune.metrics import METRICS
from ..grid.arms import Arm, arm_named, shape_text

VIEWS = {"stored": "stored", "whole": "whole", "shuffle": "shuffled", "cell": "extracted"}
VIEWS |= {"shuffle_full": "shuffled at will"}
ORDERS = {"easy": "easiest", "hard": "hardest", "random": "random", "ccs": "spread (CCS)"}
_VIEWS_OF_PCA = {"whole": "seen whole", "shuffle": "shuffled"}
_ORDERS_OF_PCA = {"hard": "of the hardest", "random": "of random originals"}
_ORDERS_OF_PCA |= {"ccs": "spread by CCS"}
GROUPING_TITLES = {
    "rank_block": "spread over the ranks",
    "sequential": "neighbours in rank",
    "random": "grouped at random",
}
_CONTROL = " (control)"  # of a title; before other words it is left out
_MIXES = {"mixup": "Mixup", "cutmix": "CutMix"}
_SOURCES = {
    "cifar10": "CIFAR-10",
    "cifar100": "CIFAR-100",
    "imagenette": "Imagenette",
    "tiny-imagenet": "Tiny ImageNet",
    "imagenet-1k": "ImageNet-1K",
}
_NETWORKS = {f"resnet{depth}": f"ResNet-{depth}" for depth in (18, 34, 50, 101)}
_NETWORKS |= {"mobilenet_v2": "MobileNet-V2", "efficientnet_b0": "EfficientNet-B0"}
_NETWORKS |= {"shufflenet_v2_x0_5": "ShuffleNet-V2", "swin_t": "Swin-T"}
_CONVNET = re.compile(r"convnet(\d+)(?:-w(\d+))?(-bn)?")

Row = Mapping[Hashable, Any]


def source_title(source: str) -> str:
    """A source's name; of a folder or file only the last part: "folder:birds"."""
    kind, colon, place = source.partition(":")
    return f"{kind}:{place.rstrip('/').rpartition('/')[2]}" if colon else _SOURCES.get(kind, kind)


def shortened(name: str, most: int) -> str:
    """A name of at most so many letters, the last an ellipsis where it was longer."""
    return name if len(name) <= most else name[: most - 1] + "…"


def network_title(network: str) -> str:
    """A network's name, such as "ConvNet-3 (width 128)"; its key where the kit does not know it."""
    if found := _CONVNET.fullmatch(network):
        depth, width, norm = found.groups()
        told = [f"width {width}"] * bool(width) + ["batch norm"] * bool(norm)
        return f"ConvNet-{depth}" + f" ({', '.join(told)})" * bool(told)
    plain = network.removesuffix("-small")
    if plain not in _NETWORKS:
        return network
    return _NETWORKS[plain] + " (small images)" * (plain != network)


def protocol_title(protocol: str) -> str:
    """What kind of labels a protocol trains with, and whose way it is."""
    known = {"soft": "soft, given in training", "fkd": "soft, stored (FKD)"}
    known |= {"lpld": "soft, stored in part (LPLD)"}
    return known.get(protocol, METHODS[protocol].title if protocol in METHODS else protocol)


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
    return ", ".join(_arm_words(row))


def _arm_words(row: Row) -> list[str]:
    """An arm's name in parts: the method, then what is not usual."""
    method, order = str(row["method"]), _value(row, "order", "easy")
    if method not in METHODS:
        return [str(row.get("arm", method))]
    if method != "pca":
        words = [*_option_words(row, method), *_protocol_words(row, method)]
        metric, fixed = _value(row, "metric", ""), METHODS[method].fixed
        own = metric and "order" not in fixed and metric != fixed.get("metric", metric)
        return [f"{metric}, {ORDERS[order]}" if own else method_title(method, order), *words]
    pool = _value(row, "pool", "")
    if pool:
        top = "random" if order == "random" else METHODS["pca"].title
        return [f"{top} on {METHODS[pool].title if pool in METHODS else pool}"]
    return [METHODS["pca"].title, *_set_words(row, order), *_protocol_words(row, "pca")]


def line_title(name: str) -> str:
    """The name of a line of `stats.with_lines`, which is a method or the key of an arm."""
    if name in METHODS:
        return method_title(name)
    try:
        title, *words = key_words(arm_named(name))
    except ValueError:  # of a program that is not here
        return name
    return ", ".join([title.removesuffix(_CONTROL) if words else title, *words])


_SAID = ("order", "metric", "grid", "grouping", "spectrum", "skip")  # what `_arm_words` reads
_SAID_OF_TRAINING = ("view", "cutout", "mix", "loss", "teacher_norm")


def key_words(arm: Arm) -> list[str]:
    """An arm's name in parts, without its rows; what has no words stays as it is in the key."""
    options = METHODS[arm.method].options | arm.options
    left, protocol = dict(arm.options), dict(arm.protocol)
    row: dict[Hashable, Any] = {"method": arm.method, "arm": arm.key, "pool": arm.pool}
    row |= {name: options[name] for name in _SAID if name in options}
    row |= {name: protocol.pop(name) for name in _SAID_OF_TRAINING if name in protocol}
    if "grid" in options:
        row["grid"] = shape_text(options["grid"])
    if arm.method == "rded" and "factor" in left:
        row |= {"grid": shape_text(left.pop("factor")), "size": 0}
    crops = protocol.get("crop")
    words = [f"r = {protocol.pop('crop')[0]:g}"] if isinstance(crops, tuple) else []
    rest = Arm(arm.method, {n: v for n, v in left.items() if n not in _SAID}, protocol)
    return [*_arm_words(row), *words, *rest.key.split()[1:]]


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


def part_titles(table: pd.DataFrame, full: str) -> dict[str, str]:
    """Names within one question of the ablations: "3 x 3" beside "2 x 2 (PCA)".

    Args:
        table: the rows of the question's arms; of more than one method, names stay as they are.
        full: key of the arm that the others are compared with.
    """
    titles, pca = arm_titles(table), METHODS["pca"].title
    if set(table["method"]) != {"pca"} or len(titles) < 2:
        return titles
    short = {key: title.removeprefix(f"{pca}, ") for key, title in titles.items()}
    for row in table.drop_duplicates("arm").to_dict("records"):
        # A crop that is the usual one makes a key of its own, but no arm of its own.
        if row["arm"] == full or titles[row["arm"]] == line_title(full):
            short[row["arm"]] = f"{_asked(table, row)} ({pca})"
    return short


def _asked(table: pd.DataFrame, row: Row) -> str:
    """What an arm is in respect of that in which a table's arms differ."""
    forms = {
        "crop_low": "r = {:g}".format,
        "order": lambda order: f"of the {ORDERS[order]}",
        "grid": lambda grid: grid.replace("x", " x "),
        "metric": lambda metric: f"by {metric_title(metric)}",
        "grouping": GROUPING_TITLES.__getitem__,
    }
    asked = next((n for n in forms if n in table and table[n].nunique() > 1), "")
    return forms[asked](row[asked]) if asked else "none"


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
