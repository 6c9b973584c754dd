"""Names: display text made of columns, and only there."""

import math

import pandas as pd
import pytest

import rdc_kit as rdc
from rdc_kit.methods import KITS, METHODS, Method
from rdc_kit.study.figures import names
from rdc_kit.study.grid import arms


def row(method, **columns):
    usual = {"arm": "a", "order": "easy", "metric": "el2n", "grid": "2x2", "view": "cell"}
    usual |= {"grouping": "rank_block", "pool": "", "budget": 1, "ipc": 1, "labels": "hard"}
    usual |= {"dataset": "digits", "crop_low": 0.5, "cutout": 0.0, "mix": "none", "loss": "ce"}
    single = {} if method == "pca" else {"view": "whole", "grid": "1x1", "grouping": ""}
    return usual | single | {"method": method} | columns


@pytest.mark.parametrize(
    ("given", "title"),
    [
        (row("random", order="random"), "Random"),
        (row("el2n"), "EL2N, easiest"),
        (row("el2n", order="hard"), "EL2N, hardest"),
        (row("ccs", order="ccs"), "CCS"),
        (row("noise", order=""), "noise (control)"),
        (row("pca"), "PCA"),
        (row("pca", view="whole"), "PCA, seen whole"),
        (row("pca", view="shuffle"), "PCA, shuffled"),
        (row("pca", order="random", metric=""), "PCA, of random originals"),
        (row("pca", order="hard"), "PCA, of the hardest"),
        (row("pca", metric="aum"), "PCA, by AUM"),
        (row("pca", grid="1x2"), "PCA, 1 x 2"),
        (row("pca", grouping="sequential"), "PCA, neighbours in rank"),
        (row("pca", budget=4), "PCA, k = ipc (1 stored)"),
        (row("pca", crop_low=0.25), "PCA, r = 0.25"),
        (row("pca", cutout=0.5), "PCA, Cutout 0.5"),
        (row("pca", mix="mixup", loss="ce_unmixed"), "PCA, Mixup, labels unmixed"),
        (row("random", order="random", cutout=0.5), "Random, Cutout 0.5"),
        (row("pca", pool="sre2l"), "PCA on SRe2L"),
        (row("noise", order="", spectrum="pool"), "noise (control), spectrum of the pool"),
        (row("noise", labels="soft", teacher_norm="batch"), "noise (control), teacher by batch"),
        (row("el2n", skip=0.5), "EL2N, easiest, from 50 %"),
        (row("rded", order="", grid="2x2", size=32), "RDED, 2 x 2"),
        (row("rded", order="", grid="2x2", size=224), "RDED"),
        (row("pca", pool="sre2l", order="random"), "random on SRe2L"),
        ({"method": "pca", "arm": "pca"}, "PCA"),
        ({"method": "mine", "arm": "mine x=1"}, "mine x=1"),
    ],
)
def test_a_title_says_the_method_and_what_is_unusual(given, title):
    assert names.arm_title(given) == title


@pytest.mark.parametrize(
    ("source", "title"),
    [
        ("folder:/home/me/pictures/birds/", "folder:birds"),
        ("hub:owner/name", "hub:name"),
        ("imagenette", "Imagenette"),
        ("cifar10", "CIFAR-10"),
        ("mine", "mine"),
    ],
)
def test_a_sources_title_is_short(source, title):
    assert names.source_title(source) == title


@pytest.mark.parametrize(
    ("network", "title"),
    [
        ("convnet3", "ConvNet-3"),
        ("convnet3-w128", "ConvNet-3 (width 128)"),
        ("convnet3-w64-bn", "ConvNet-3 (width 64, batch norm)"),
        ("resnet18", "ResNet-18"),
        ("mobilenet_v2-small", "MobileNet-V2 (small images)"),
        ("mine-small", "mine-small"),
    ],
)
def test_a_networks_title_is_made_of_its_name(network, title):
    assert names.network_title(network) == title


def test_a_line_is_a_method_or_an_arm_or_keeps_its_name():
    lines = ["el2n", "noise", "noise spectrum=pool", "pca grid=3x3", "mine x=1"]
    assert [names.line_title(line) for line in lines] == [
        *("EL2N, easiest", "noise (control)", "noise, spectrum of the pool", "PCA, 3 x 3"),
        "mine x=1",
    ]


def test_only_a_method_that_keeps_an_end_is_called_by_it(monkeypatch):
    """The guide's own pruning method, of the images in the middle, was "middle, easiest"."""

    def middle(pool, ipc, seed, runtime, *, epochs=10, scoring_seed=0):
        return pool

    def end(pool, ipc, seed, runtime, *, order="hard"):
        return pool

    for make in (middle, end):
        own = Method(make.__name__, make, "pruning", "scoring run", "", "")
        monkeypatch.setitem(METHODS, make.__name__, own)
    assert names.method_title("middle") == names.arm_title(row("middle", order="")) == "middle"
    assert names.method_title("end") == names.arm_title(row("end", order="hard")) == "end, hardest"
    assert names.method_title("end", "easy") == "end, easiest"
    titles = {name: names.method_title(name) for name in KITS}
    ends = {title for title in titles.values() if "est" in title}
    assert ends == {"Forgetting, easiest", "EL2N, easiest", "AUM, easiest"}


def test_an_empty_cell_counts_as_the_usual():
    given = row("pca", cutout=float("nan"), mix=None, metric="", crop_low=float("nan"))
    assert names.arm_title(given) == "PCA"


def test_views_and_crops_of_soft_protocols_are_not_the_arms():
    """Under soft labels the protocol brings its own, the same for all arms."""
    assert names.arm_title(row("pca", labels="soft", view="whole", crop_low=0.08)) == "PCA"


def test_titles_tell_a_tables_arms_apart():
    table = pd.DataFrame(
        [
            row(arm.method, arm=arm.key, **arm.protocol, **{**arm.options, "grid": "2x2"})
            for arm in arms.pca_arms()
            if arm.method == "pca"
        ]
    )
    found = names.arm_titles(table)
    assert list(found) == [arm.key for arm in arms.pca_arms() if arm.method == "pca"]
    assert len(set(found.values())) == len(found)


def test_arms_of_one_title_are_told_apart_by_the_words_of_their_keys():
    keys = ["random", "random temperature=1", "pca", "pca view=shuffle_full", "el2n cutout=0.5"]
    keys += ["pca grid=3x3 on=sre2l", "pca on=sre2l"]
    facts = [{"arm": key, "pool": "sre2l" * ("on=" in key)} for key in keys]
    table = pd.DataFrame([row(key.split()[0], **f) for key, f in zip(keys, facts, strict=True)])
    assert list(names.arm_titles(table).values()) == [
        *("Random", "Random, temperature=1", "PCA", "PCA, view=shuffle_full", "EL2N, easiest"),
        *("PCA on SRe2L, grid=3x3", "PCA on SRe2L"),
    ]


def test_views_of_soft_labels_are_told_apart_by_the_words_of_their_keys():
    views = {f"pca view={view}": view for view in ("shuffle", "whole")}
    rows = [row("pca", arm=key, view=view, labels="soft") for key, view in views.items()]
    table = pd.DataFrame(rows)
    assert list(names.arm_titles(table).values()) == ["PCA, view=shuffle", "PCA, view=whole"]


def test_in_one_question_of_the_ablations_pca_has_the_name_of_its_answer():
    def names_of(**columns):
        (name, values), *_ = columns.items()
        keys = ["pca", *(f"pca {name}={value}" for value in values[1:])]
        rows = [row("pca", arm=k, **{name: v}) for k, v in zip(keys, values, strict=True)]
        return list(names.part_titles(pd.DataFrame(rows), "pca").values())

    assert names_of(order=["easy", "hard", "random"])[:2] == [
        "of the easiest (PCA)",
        "of the hardest",
    ]
    assert names_of(metric=["el2n", "aum"]) == ["by EL2N (PCA)", "by AUM"]
    assert names_of(grid=["2x2", "3x3"]) == ["2 x 2 (PCA)", "3 x 3"]
    assert names_of(crop_low=[0.5, 1.0]) == ["r = 0.5 (PCA)", "r = 1"]
    grouping = names_of(grouping=["rank_block", "sequential"])
    assert grouping == ["spread over the ranks (PCA)", "neighbours in rank"]
    assert names_of(cutout=[0.0, 0.5]) == ["none (PCA)", "Cutout 0.5"]
    swept = [row("pca", arm=f"pca crop={low:g}", crop_low=low) for low in (0.25, 0.5)]
    titles = names.part_titles(pd.DataFrame(swept), "pca")
    assert list(titles.values()) == ["r = 0.25", "r = 0.5 (PCA)"]
    steps = [row("random", arm="random", order="random"), row("pca", arm="pca")]
    assert list(names.part_titles(pd.DataFrame(steps), "pca").values()) == ["Random", "PCA"]


def test_differences_are_shown_by_name_and_unknown_keys_stay():
    differences = pd.DataFrame({"a": ["pca", "x"], "b": ["random", "pca"], "n": [3, 3]})
    table = pd.DataFrame([row("pca", arm="pca"), row("random", arm="random", order="random")])
    shown = names.titled(differences, table)
    assert shown["a"].tolist() == ["PCA", "x"]
    assert shown["b"].tolist() == ["Random", "PCA"]
    assert differences["a"].tolist() == ["pca", "x"]


def test_every_method_and_metric_has_a_title():
    titles = [names.method_title(name) for name in rdc.METHODS]
    assert len(set(titles)) == len(titles)
    assert names.metric_title("aum") == "AUM"
    assert names.metric_title("mine") == "mine"
    assert names.method_title("mine") == "mine"
    assert names.arm_title(row("pca", pool="mine")) == "PCA on mine"


def test_differences_in_words_say_which_is_higher():
    def line(value, low, high, n, reading):
        row = {"a": "PCA", "b": "Random", "difference": value, "low": low, "high": high}
        return names.in_words(pd.DataFrame([row | {"n": n, "reading": reading}]))

    higher = "PCA is above Random by 3.0 (1.0 to 5.0, n = 3)"
    assert line(3.0, 1.0, 5.0, 3, "a is higher") == higher
    lower = "Random is above PCA by 3.0 (1.0 to 5.0, n = 3)"
    assert line(-3.0, -5.0, -1.0, 3, "b is higher") == lower
    undecided = "PCA minus Random: undecided, +1.0 (-2.0 to +4.0, n = 3)"
    assert line(1.0, -2.0, 4.0, 3, "undecided") == undecided
    one = "PCA minus Random: +1.0 from n = 1, not evidence"
    assert line(1.0, math.nan, math.nan, 1, "not evidence") == one


def test_a_long_name_is_cut_to_the_letters_that_fit():
    assert names.shortened("tench", 5) == "tench"
    assert names.shortened("English springer", 8) == "English…"
