"""Effects: known answers for every form, and nothing where a term has no rows."""

import pandas as pd
import pytest
import torch

from rdc_kit.study.verdicts import effects
from rdc_kit.study.verdicts.effects import Absent, effect_by_seed, over_images
from rdc_kit.train.accuracy import pack

from .conftest import arms


def both(hard, soft):
    """Arms under hard and soft labels."""
    return pd.concat([arms(hard), arms(soft, protocol="soft")])


def test_a_difference_is_paired_by_seed_and_needs_both():
    table = arms({"el2n": [10, 20, 30], "aum": [5, 25]})
    assert effect_by_seed(table, "el2n - aum").tolist() == [5, -5]
    assert effect_by_seed(table, "aum").tolist() == [5, 25]
    with pytest.raises(Absent):
        effect_by_seed(table, "el2n - ccs")
    with pytest.raises(Absent):
        effect_by_seed(table, "el2n", "share")


def test_a_difference_of_gaps_and_a_ratio():
    table = both(
        {"sre2l": [20, 22], "el2n": [40, 42]},
        {"sre2l": [50, 60], "el2n": [45, 50]},
    )
    gaps = "sre2l@soft - sre2l@hard - el2n@soft + el2n@hard"
    assert effect_by_seed(table, gaps).tolist() == [30 - 5, 38 - 8]
    assert effect_by_seed(table, "sre2l@soft / el2n@hard").tolist() == [50 / 40, 60 / 42]
    with pytest.raises(Absent):  # which protocol?
        effect_by_seed(table, "sre2l - el2n")


def test_chance_is_guessing_among_the_classes():
    table = arms({"noise": [40, 50]})  # three classes
    assert effect_by_seed(table, "noise / chance").tolist() == pytest.approx([1.2, 1.5])
    assert effect_by_seed(table, "chance - noise").tolist() == pytest.approx(
        [100 / 3 - 40, 100 / 3 - 50]
    )


def test_images_per_class_are_told_apart():
    table = pd.concat([arms({"pca": [50, 52]}, ipc=10), arms({"random": [40, 45]}, ipc=12)]).assign(
        budget=lambda t: t["ipc"]
    )
    assert effect_by_seed(table, "pca#10 - random#12").tolist() == [10, 7]
    with pytest.raises(Absent):
        effect_by_seed(table, "pca#10 - random#10")
    twice = pd.concat([table, arms({"pca": [1, 2]}, ipc=1).assign(budget=1)])
    with pytest.raises(Absent):
        effect_by_seed(twice, "pca")


def windows(tops, budget):
    """Windows of difficulty; tops: share passed over -> accuracies."""
    keys = {skip: "el2n" if skip == 0 else f"el2n skip={skip:g}" for skip in tops}
    table = arms({keys[skip]: line for skip, line in tops.items()}).assign(budget=budget)
    return table.assign(skip=table["arm"].map({key: skip for skip, key in keys.items()}))


def test_the_best_window_is_found_from_its_neighbours_too():
    easy = {0.0: [60, 60], 0.25: [59, 59], 0.5: [40, 40], 0.75: [30, 30]}
    # A lucky window beside poor ones is not the best.
    harder = {0.0: [70, 50], 0.25: [40, 60], 0.5: [60, 62], 0.75: [62, 61]}
    table = pd.concat([windows(easy, 1), windows(harder, 10)])
    assert effect_by_seed(table, "best skip of el2n#1").tolist() == [0, 0]
    moved = effect_by_seed(table, "best skip of el2n#10 - best skip of el2n#1")
    assert moved.tolist() == [0.75, 0.75]
    two = table[table["skip"] < 0.5]
    with pytest.raises(Absent, match="three values"):
        effect_by_seed(two, "best skip of el2n#1")


def test_only_what_differs_in_one_column_is_alike():
    table = windows({0.0: [1, 2], 0.5: [3, 4]}, 1)
    other = arms({"el2n order=hard": [9, 9]}).assign(budget=1, skip=0.5, order="hard")
    found = effects.like(pd.concat([table.assign(order="easy"), other]), "el2n", "skip")
    assert set(found["arm"]) == {"el2n", "el2n skip=0.5"}
    with pytest.raises(Absent):
        effects.like(table, "aum", "skip")


def test_crops_that_were_chosen_for_each_replicate_hinder_no_best_value():
    """The arm's first row gave the pattern: with another crop there was no value at all."""
    table = windows({0.0: [60, 40], 0.25: [59, 41], 0.5: [40, 60], 0.75: [30, 62]}, 1)
    table["crop_low"] = [0.08, 0.25, 1.0, 0.08, 0.25, 1.0, 0.08, 0.25]
    assert effect_by_seed(table, "best skip of el2n#1").empty
    chosen = table.assign(crops="0.08 0.25 1.0")
    assert effect_by_seed(chosen, "best skip of el2n#1").tolist() == [0, 0.75]


def test_the_interval_over_images_is_that_of_paired_images():
    """Of 400 images 40 are gained and none lost: a binomial share."""
    hits = {"random": torch.arange(400) < 200, "el2n": torch.arange(400) < 240}
    table = arms({"random": [50], "el2n": [60]})
    table = table.assign(hits=table["arm"].map({k: pack(v) for k, v in hits.items()}), tests=400)
    low, high = over_images(table, "el2n - random")
    assert (low + high) / 2 == pytest.approx(10, abs=0.3)
    assert (high - low) / 2 == pytest.approx(196 * (0.1 * 0.9 / 400) ** 0.5, rel=0.1)
    assert all(pd.isna(v) for v in over_images(table, "el2n / random"))


def test_a_best_value_is_of_the_protocol_that_is_named():
    """Arms are alike under it, whatever is different under another that comes first."""
    windows = {"el2n": [10, 11], "el2n skip=0.25": [20, 21], "el2n skip=0.5": [30, 31]}
    skips = dict(zip(windows, (0.0, 0.25, 0.5), strict=True))
    table = both(windows, windows)
    table = table.assign(skip=table["arm"].map(skips), teacher_norm=table["protocol"])
    assert effect_by_seed(table, "best skip of el2n@soft").tolist() == [0.5, 0.5]
    with pytest.raises(Absent, match="cutout"):
        effect_by_seed(table, "best cutout of el2n@soft")
