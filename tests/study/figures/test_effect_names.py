"""Effects in words: both sides are named, and by which labels."""

import pytest

from rdc_kit.study.figures import effect_names
from rdc_kit.study.figures.names import line_title


@pytest.mark.parametrize(
    ("effect", "title"),
    [
        ("el2n - random", "EL2N, easiest − Random"),
        ("random - el2n order=hard", "Random − EL2N, hardest"),
        ("random@soft - sre2l@soft", "Random − SRe2L; soft labels"),
        (
            "sre2l@soft - sre2l@hard - el2n@soft + el2n@hard",
            "SRe2L − EL2N, easiest; soft minus hard",
        ),
        ("pca@hard - random@hard - pca@soft + random@soft", "PCA − Random; hard minus soft"),
        ("random@hard + pca@soft - pca@hard - random@soft", "Random − PCA; hard minus soft"),
        ("el2n@soft / el2n@hard", "EL2N, easiest; soft over hard"),
        ("pca order=ccs - pca order=random", "PCA, spread by CCS − PCA, of random originals"),
        ("noise spectrum=pool - noise", "noise, spectrum of the pool − noise (control)"),
        ("chance - noise@hard", "chance − noise (control)"),
        ("pca - pca crop=0.02", "PCA − PCA, r = 0.02"),
        ("pca - rded factor=2", "PCA − RDED, 2 x 2"),
        ("random@rded - pca@soft", "Random @ rded − PCA @ soft"),
        ("random temperature=2 - random", "Random, temperature=2 − Random"),
        ("mine - random", "mine - random"),
    ],
)
def test_an_effect_in_words(effect, title):
    assert effect_names.effect_title(effect) == title


def test_that_labels_are_hard_is_no_effect_of_its_own():
    assert effect_names.usual_labels("random@hard - sre2l@hard") == "random - sre2l"
    assert effect_names.usual_labels("chance - noise@hard") == "chance - noise"
    for other in (
        "random@soft - sre2l@soft",
        "pca@soft - pca@hard",
        "random@hard - pca",
        "my - a@hard",
    ):
        assert effect_names.usual_labels(other) == other


@pytest.mark.parametrize(
    "arm", ["el2n", "el2n order=hard", "pca order=random", "noise spectrum=pool"]
)
def test_an_arm_has_one_name_in_all_figures(arm):
    assert effect_names.effect_title(f"{arm} - random") == f"{line_title(arm)} − Random"
