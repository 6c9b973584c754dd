"""The grammar of effects: every form is read, and nonsense is refused."""

import pytest

from rdc_kit.study.grid.terms import Term, effect_of, terms_of


def test_a_difference_a_ratio_and_a_difference_of_gaps():
    assert terms_of("pca@soft - el2n order=hard") == [
        Term("+", "pca", "soft"),
        Term("-", "el2n order=hard"),
    ]
    assert [t.operator for t in terms_of("random@soft / random@hard")] == ["+", "/"]
    gaps = terms_of("sre2l@soft - sre2l@hard - el2n@soft + el2n@hard")
    assert [(t.operator, t.arm, t.protocol) for t in gaps][2:] == [
        ("-", "el2n", "soft"),
        ("+", "el2n", "hard"),
    ]


def test_ipc_best_option_and_chance():
    assert terms_of("best skip of el2n#50 - chance") == [
        Term("+", "el2n", ipc=50, best="skip"),
        Term("-", "chance"),
    ]


@pytest.mark.parametrize(
    "effect",
    ["pca view=shuffle@soft#10 - random", "el2n / aum@hard", "best skip of el2n#50 - chance + pca"],
)
def test_an_effect_is_written_as_it_is_read(effect):
    assert effect_of(terms_of(effect)) == effect


def test_an_arm_is_read_by_its_key_in_any_order_of_words():
    assert terms_of("pca view=shuffle grid=3x3")[0].arm == "pca grid=3x3 view=shuffle"


def test_a_protocols_name_may_have_hyphens():
    """A minus has spaces around it."""
    assert terms_of("pca@my-brief#10 - random@soft") == [
        Term("+", "pca", "my-brief", 10),
        Term("-", "random", "soft"),
    ]


NONSENSE = ["", "pca - ", "pcaa", "pca - random / random", "pca@", "pca#x"]


@pytest.mark.parametrize("effect", NONSENSE)
def test_nonsense_is_refused(effect):
    with pytest.raises(ValueError, match=r"effect|unknown method|has two terms"):
        terms_of(effect)
