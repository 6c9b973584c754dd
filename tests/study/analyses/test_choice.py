"""The choice follows from the table: a clear lead, no lead, too few seeds."""

import pytest

from rdc_kit.study.analyses.choice import choose

from ..conftest import toy

NAMES = {"random": "Random", "el2n": "Easiest", "pca": "PCA"}


def test_a_clear_lead_is_taken_and_its_numbers_are_said():
    table = toy({"random": [50, 52, 51], "el2n": [60, 62, 61], "pca": [70.0, 72.5, 70.5]})
    choice = choose(table, NAMES)
    assert choice.arm == "pca"
    assert choice.sentence == (
        "Use PCA: it is ahead of Easiest by 10.0 points of top-1 (8.8 to 11.2, n = 3)."
    )
    assert set(choice.differences["b"]) == {"random", "el2n"}
    few = choose(table.assign(tests=15), NAMES)
    assert few.sentence == f"{choice.sentence} Tested on 15 images: one is 6.7 points."


def test_without_a_lead_the_simplest_that_is_level_is_taken():
    table = toy({"random": [40, 41, 40], "el2n": [60, 64, 61], "pca": [61, 62, 63]})
    choice = choose(table, NAMES)
    assert choice.arm == "el2n"
    assert choice.sentence.startswith("Undecided: PCA has the highest mean, but it is ahead of Eas")
    assert "Use Easiest, the simpler one, or ask for more seeds." in choice.sentence
    level = toy({"random": [60, 64, 61], "el2n": [60, 62, 61], "pca": [61, 62, 63]})
    assert choose(level, NAMES).arm == "random"


def test_the_simplest_is_taken_where_it_is_highest():
    table = toy({"random": [60, 64, 62], "el2n": [60, 62, 63], "pca": [50, 51, 50]})
    choice = choose(table, NAMES)
    assert choice.arm == "random"
    assert "Use Random: it is ahead of Easiest by 0.3 points" in choice.sentence
    assert "undecided between the two, and Random is the simpler one" in choice.sentence


def test_two_seeds_choose_nothing():
    choice = choose(toy({"random": [10, 11], "pca": [90, 91]}), NAMES)
    assert choice.arm == "random"
    assert choice.sentence.startswith("2 seeds are no evidence")
    with pytest.raises(ValueError, match="needs two arms"):
        choose(toy({"random": [1, 2, 3]}), NAMES)
