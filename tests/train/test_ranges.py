"""Numbers of a protocol that are none, or out of range, are refused before any training."""

import numpy as np
import pytest

from rdc_kit.train import protocols
from rdc_kit.train.ranges import check_numbers


@pytest.mark.parametrize(
    ("field", "wrong", "message"),
    [
        ("epochs", 0, "epochs must be a whole number of at least 1, got 0"),
        ("epochs", 1.5, "whole number"),
        ("epochs", "1", "got '1'"),
        ("epochs", True, "got True"),
        ("batch", 2.5, "batch must be a whole number of at least 1"),
        ("teachers", 0, "at least 1"),
        ("warmup", -1, "warmup must be a whole number of at least 0"),
        ("lr", "1e-3", "lr must be a number above 0, got '1e-3'"),
        ("lr", float("inf"), "above 0"),
        ("mix_alpha", float("nan"), "mix_alpha must be a number above 0, got nan"),
        ("mix_alpha", 0, "above 0"),
        ("weight_decay", -0.1, "weight_decay must be a number of at least 0"),
        ("temperature", 0, "above 0"),
        ("hard_weight", -1, "of at least 0"),
        ("cutout", 1.1, "cutout must be a number from 0 to 1"),
        ("keep", 0, "keep must be a number above 0 and at most 1"),
        ("crop", 0.5, "crop must be .smallest, largest. area"),
        ("crop", (0.5,), "crop must be"),
        ("crop", (0.5, 0.2), "crop must be"),
        ("crop", (0, 1), "crop must be"),
    ],
)
def test_each_number_says_what_it_may_be(field, wrong, message):
    with pytest.raises(ValueError, match=message):
        check_numbers({field: wrong})


def test_numpys_numbers_are_numbers_and_become_plain_ones():
    how = protocols.hard(epochs=np.int64(3), lr=np.float32(0.5))
    assert (type(how.epochs), type(how.lr)) == (int, float)
    assert how == protocols.hard(epochs=3, lr=0.5)
