"""Recipes are the published settings, at the scale nearest to the images."""

from dataclasses import asdict

import pytest

from rdc_kit.distill.recipes import RECIPES, Recipe, edition, recipe

SIZES = (32, 64, 224)


def changed(method, size):
    """What a recipe sets otherwise than SRe2L's of the same size."""
    plain = asdict(recipe("sre2l", size))
    return {k: v for k, v in asdict(recipe(method, size)).items() if v != plain[k]}


@pytest.mark.parametrize(
    ("size", "iterations", "lr", "weight", "jitter", "crop"),
    [
        (32, 1000, 0.25, 0.01, 4, False),
        (64, 4000, 0.1, 1.0, 4, True),
        (224, 4000, 0.25, 0.01, 32, True),
    ],
)
def test_sre2l_is_the_three_published_scripts(size, iterations, lr, weight, jitter, crop):
    how = recipe("sre2l", size)
    assert (how.iterations, how.lr, how.weight) == (iterations, lr, weight)
    assert (how.jitter, how.crop, how.batch, how.teachers) == (jitter, crop, 100, 1)


@pytest.mark.parametrize("method", list(RECIPES))
def test_a_recipe_serves_up_to_its_size(method):
    for below, size in zip((8, 33, 65), SIZES, strict=True):
        assert recipe(method, below) == recipe(method, size)
    assert recipe(method, 1024) == recipe(method, 224)
    kinds = 2 if method == "gvbsm" else 3  # one for CIFAR and Tiny-ImageNet
    assert len({repr(recipe(method, size)) for size in SIZES}) == kinds


def test_cda_is_sre2l_with_a_curriculum():
    assert changed("cda", 224) == {"milestone": 1.0}
    assert changed("cda", 64) == {"milestone": 1.0, "lr": 0.4, "weight": 0.05}
    assert changed("cda", 32) == {"milestone": 1.0, "crop": True}


def test_lpld_is_sre2l_class_by_class():
    assert changed("lpld", 224) == {"by_class": True}
    assert changed("lpld", 64) == {"by_class": True, "weight": 0.05}
    assert changed("lpld", 32) == {"by_class": True}


@pytest.mark.parametrize("size", SIZES)
def test_only_dwa_starts_from_real_images_and_moves_the_teacher(size):
    assert [name for name in RECIPES if recipe(name, size).real] == ["dwa"]
    assert [name for name in RECIPES if recipe(name, size).perturb] == ["dwa"]
    how = recipe("dwa", size)
    assert (how.perturb, how.var_weight) == ((15, 2.0) if size == 224 else (12, 11.0))
    assert how.rho == 0.015
    assert how.crop == (size > 32)


@pytest.mark.parametrize("size", SIZES)
def test_only_gvbsm_has_four_teachers_and_convolutions(size):
    assert [name for name in RECIPES if recipe(name, size).convolutions] == ["gvbsm"]
    assert [name for name in RECIPES if recipe(name, size).teachers > 1] == ["gvbsm"]
    how = recipe("gvbsm", size)
    assert (how.teachers, how.iterations, how.jitter, how.densify) == (4, 4000, 32, 1.0)
    large = size == 224  # Branch_full_ImageNet_1k of the released code, against the other branches
    assert (how.lr, how.batch) == ((0.1, 80) if large else (0.05, 100))
    assert (how.momentum, how.drop, how.patch) == ((0.4, 0.0, 16) if large else (0.8, 0.4, 4))
    assert how.crop == large


def test_the_key_of_a_set_holds_what_its_recipe_uses():
    assert recipe("gvbsm", 224).settings["patch"] == 16
    assert "patch" not in recipe("sre2l", 224).settings
    assert recipe("sre2l", 32).settings["iterations"] == 1000


def test_a_plain_recipe_uses_no_methods_own_part():
    plain = Recipe()
    assert not (plain.crop or plain.by_class or plain.real or plain.convolutions)
    assert plain.milestone == plain.perturb == plain.momentum == plain.drop == plain.densify == 0


def test_a_change_of_edition_is_of_the_sizes_and_devices_that_changed():
    assert [edition("gvbsm", 32), edition("dwa", 32), edition("dwa", 64)] == [2, 1, 2]
    assert [edition("sre2l", 64), edition("sre2l", 64, "cuda")] == [1, 2]
    assert [edition("dwa", 64, "cuda"), edition("rded", 64, "cuda")] == [3, 1]
