"""Figures on disk: the same bytes again, with numbers and origin."""

import json

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from rdc_kit.study.figures import arms, saving
from rdc_kit.study.verdicts.published import published

from .conftest import arm_rows


@pytest.fixture
def two():
    return arm_rows({"random": ({}, [50, 52]), "pca": ({}, [60, 61])})


def test_figures_are_byte_identical_when_remade_and_embed_their_fonts(two, tmp_path):
    reference = published(dataset="imagenet-1k", labels="hard", protocol="rethinkdc")
    facts = {"seeds": [0, 1]}
    for name in ("one", "two"):
        drawn = arms.first_look(two, reference)
        saving.save_figure(drawn, "look", two, facts, tmp_path / name)
    for ending in ("pdf", "png", "csv", "json"):
        one, again = ((tmp_path / name / f"look.{ending}").read_bytes() for name in ("one", "two"))
        assert one == again, ending
    pdf = (tmp_path / "one" / "look.pdf").read_bytes()
    assert b"/Type3" not in pdf
    assert b"/FontFile2" in pdf
    saved = json.loads((tmp_path / "one" / "look.json").read_text())
    assert saved["seeds"] == [0, 1]
    assert "torch" in saved["versions"]
    numbers = pd.read_csv(tmp_path / "one" / "look.csv")
    assert numbers["top1"].tolist() == pytest.approx(two["top1"].tolist())


def test_figures_go_to_the_home(fresh_home, two):
    figure, _ = plt.subplots()
    assert saving.save_figure(figure, "empty", two) == fresh_home / "figures" / "empty.png"
