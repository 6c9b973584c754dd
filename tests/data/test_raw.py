"""A split before decoding: what its rows are called, and the words for the two splits."""

import numpy as np
import pytest

import rdc_kit as rdc
from rdc_kit.data.raw import TEST_NAMES, TRAIN_NAMES, Raw

from ..conftest import picture


def test_a_row_is_called_by_its_file_or_by_its_place():
    facts = (lambda row: b"", lambda row: f"row {row} of here", np.zeros(2, int), ("a",), "")
    assert Raw(*facts).name(1) == "row 1 of here"
    assert Raw(*facts, names=np.array(["a/0.png", "a/1.png"])).name(1) == "a/1.png"


@pytest.mark.parametrize(("train", "test"), [*((n, "val") for n in TRAIN_NAMES), ("train", "eval")])
def test_a_folder_may_call_its_splits_by_these_words(tmp_path, fresh_home, train, test):
    for split, count in ((train, 2), (test, 1)):
        for k in range(count):
            for name in "ab":
                picture(tmp_path / split / name / f"{k}.png", k)
    assert test in TEST_NAMES
    assert [len(part) for part in rdc.load(f"folder:{tmp_path}", 16)] == [4, 2]
