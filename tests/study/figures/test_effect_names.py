"""Effects in words: both sides are named, and by which labels."""

import pytest

from rdc_kit.study.figures import effect_names


@pytest.mark.parametrize(
    ("effect", "title"),
    [
        ("el2n - random", "EL2N (easiest) − Random"),
        ("random - el2n order=hard", "Random − EL2N (hardest)"),
        ("random@soft - sre2l@soft", "Random − SRe2L, soft labels"),
        (
            "sre2l@soft - sre2l@hard - el2n@soft + el2n@hard",
            "SRe2L − EL2N (easiest), soft minus hard",
        ),
        ("pca@hard - random@hard - pca@soft + random@soft", "PCA − Random, hard minus soft"),
        ("random@hard + pca@soft - pca@hard - random@soft", "Random − PCA, hard minus soft"),
        ("el2n@soft / el2n@hard", "EL2N (easiest), soft over hard"),
        ("pca order=ccs - pca order=random", "PCA (spread by CCS) − PCA (of random originals)"),
        ("noise spectrum=pool - noise", "noise (spectrum of the pool) − noise"),
        ("chance - noise@hard", "chance − noise, hard labels"),
        ("pca - pca crop=0.02", "PCA − PCA (r = 0.02)"),
        ("pca - rded factor=2", "PCA − RDED (2 x 2)"),
        ("random@rded - pca@soft", "Random @ rded − PCA @ soft"),
        ("random temperature=2 - random", "Random (temperature=2) − Random"),
        ("mine - random", "mine - random"),
    ],
)
def test_an_effect_in_words(effect, title):
    assert effect_names.effect_title(effect) == title
