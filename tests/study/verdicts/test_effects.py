"""Effects: known answers, and nothing chosen on the seed that it is judged by."""

import pandas as pd
import pytest

from rdc_kit.study.verdicts import effects

from .conftest import arms


def crops(values):
    """PCA under crops: smallest area -> accuracies; 0.25 is the source's own."""
    keys = {r: "pca" if r == 0.25 else f"pca crop={r:g}" for r in values}
    table = arms({keys[r]: line for r, line in values.items()})
    lows = table["arm"].map({key: r for r, key in keys.items()})
    return table.assign(crop_low=lows, iterations=float("nan"))  # empty, as in a file


def test_what_is_chosen_is_chosen_on_the_other_seeds():
    """Each seed has a lucky crop of its own: on the others it is worth nothing."""
    lucky = {r: [50.0, 50.0, 50.0] for r in (0.02, 0.25, 0.5, 0.75, 1)}
    for seed, r in enumerate((0.25, 0.5, 0.75)):
        lucky[r][seed] = 60.0
    effect = effects.interior(crops(lucky))
    assert (effect < 10).all()
    steady = lucky | {0.5: [70.0, 71.0, 72.0]}
    assert effects.interior(crops(steady)).tolist() == [20.0, 21.0, 22.0]
    with pytest.raises(effects.Absent):
        effects.interior(arms({"random": [1, 2, 3]}))
    with pytest.raises(effects.Absent):
        effects.interior(crops({0.25: [1, 2, 3], 1: [1, 2, 3]}))


def test_only_what_differs_in_one_column_is_alike():
    table = crops({0.25: [1, 2, 3], 0.5: [4, 5, 6]})
    other = arms({"pca crop=0.5 view=whole": [9, 9, 9]}).assign(crop_low=0.5, view="whole")
    both = pd.concat([table.assign(view="cell"), other])
    found = effects.like(both, "pca", "crop_low")
    assert set(found["arm"]) == {"pca", "pca crop=0.5"}
    with pytest.raises(effects.Absent):
        effects.like(both, "el2n", "crop_low")


def test_leading_means_above_the_best_rival_on_average_over_networks():
    one = arms({"pca": [60, 60, 60], "el2n": [50, 50, 50], "random": [40, 40, 40]}, student="a")
    two = arms({"pca": [40, 40, 40], "el2n": [30, 50, 50], "random": [45, 40, 40]}, student="b")
    effect = effects.lead_over_rivals(pd.concat([one, two]))
    assert effect.tolist() == [(10 - 5) / 2, (10 - 10) / 2, (10 - 10) / 2]
    with pytest.raises(effects.Absent):
        effects.lead_over_rivals(arms({"pca": [60, 60, 60]}))


def test_the_lead_of_the_easiest_shrinks_as_room_grows():
    values = {"el2n": [80, 80, 80], "random": [60, 61, 62]}
    many = {"el2n": [90, 90, 90], "random": [91, 91, 92]}
    table = pd.concat([arms(values), arms(many, ipc=10)])
    assert effects.shift(table).tolist() == [21.0, 20.0, 20.0]
    with pytest.raises(effects.Absent):
        effects.shift(arms(values))


def test_the_lowest_entropy_must_be_below_every_other_set():
    table = pd.DataFrame(
        {
            "method": ["el2n", "aum", "random", "rded", "noise"],
            "seed": 0,
            "stored": [0.1, 0.2, 0.5, 0.05, 0.0],
        }
    )
    assert effects.lowest_entropy(table).tolist() == pytest.approx([-0.1])


def grid():
    """Hard and soft labels, four families; two seeds."""
    values = {
        ("random", "baseline"): ([30, 32], [50, 54]),
        ("noise", "baseline"): ([12, 13], [40, 40]),
        ("el2n", "pruning"): ([40, 40], [45, 47]),
        ("sre2l", "distillation-noise"): ([20, 20], [48, 50]),
        ("cda", "distillation-noise"): ([10, 25], [50, 52]),
        ("rded", "distillation-real"): ([35, 35], [55, 50]),
    }
    rows = [
        (method, family, protocol, seed, value)
        for (method, family), both in values.items()
        for protocol, line in zip(("hard", "soft"), both, strict=True)
        for seed, value in enumerate(line)
    ]
    table = pd.DataFrame(rows, columns=["method", "family", "protocol", "seed", "top1"])
    return table.assign(ipc=50, per_class="1 2 3 4", seconds=table["protocol"].map(len))


def test_random_is_put_beside_the_distilled_sets_under_soft_labels():
    assert effects.random_matches(grid()).tolist() == pytest.approx([50 - 51, 54 - 152 / 3])
    assert effects.random_beats_all(grid()).tolist() == [50 - 55, 54 - 52]
    with pytest.raises(effects.Absent):
        effects.random_beats_all(grid().assign(ipc=10))


def test_hard_labels_tell_what_is_made_from_noise():
    assert effects.below_random(grid()).tolist() == [30 - 20, 32 - 25]
    noise_made = [(48 + 50) / 2 - (20 + 10) / 2, (50 + 52) / 2 - (20 + 25) / 2]
    pruned = [45 - 40, 47 - 40]
    assert effects.gap_of_noise(grid()).tolist() == pytest.approx(
        [a - b for a, b in zip(noise_made, pruned, strict=True)]
    )


def test_chance_is_what_noise_is_held_against():
    assert effects.noise_above_chance("soft")(grid()).tolist() == [15, 15]
    assert effects.noise_below_chance("hard")(grid()).tolist() == [25 - 12, 25 - 13]


def test_metrics_arms_and_prices_by_hand():
    table = arms({"el2n": [10, 20], "aum": [20, 20], "forgetting": [5, 30]})
    assert effects.steady_metrics(table).tolist() == [10, -10]
    assert effects.arm("el2n", "aum")(table).tolist() == [-10, 0]
    assert effects.minus({"arm": ("el2n", "aum")}, {"arm": "forgetting"})(table).tolist() == [
        10,
        -10,
    ]
    assert effects.time_ratio(grid()).tolist() == [1, 1]
    assert effects.share_against(pd.DataFrame({"seed": [0, 1], "share": [5, 6]})).tolist() == [5, 6]
    with pytest.raises(effects.Absent):
        effects.arm("el2n", "ccs")(table)
    with pytest.raises(effects.Absent):
        effects.by_seed(table, view="cell")


def test_catching_up_is_judged_at_a_crop_chosen_elsewhere():
    lines = {("el2n", 0.1): [1, 3, 3], ("el2n", 0.5): [2, 2, 2],
             ("random", 0.1): [1, 1, 1], ("random", 0.5): [1, 1, 1]}  # fmt: skip
    rows = [(*key, seed, v) for key, line in lines.items() for seed, v in enumerate(line)]
    curve = pd.DataFrame(rows, columns=["set", "r", "seed", "entropy"])
    # Seed 0 is judged at 0.1, where the others are best; they, in doubt, at the first of equals.
    assert effects.catches_up(curve).tolist() == [0, 2, 2]
