"""The doubtful images are drawn with both labels; long names are cut."""

import inspect

import pandas as pd

from rdc_kit.ground.folders import notebooks_dir
from rdc_kit.study.figures.doubts import doubts_figure

from ...conftest import colour_blocks


def test_only_doubtful_images_are_drawn():
    row = {"position": 1, "given": "a_name of very very many words", "seen": "b", "sure": 97.2}
    table = pd.DataFrame([row | {"doubtful": True}] * 8 + [row | {"doubtful": False}] * 3)
    figure = doubts_figure(colour_blocks(), table)
    drawn = [ax for ax in figure.axes if ax.images]
    assert len(drawn) == 8
    assert drawn[0].get_title() == "given: a name of very…"
    assert drawn[0].texts[0].get_text() == "seen: b\n97 % sure"
    assert figure.get_suptitle() == "labels in doubt: 8"
    few = doubts_figure(colour_blocks(), table, most=1)
    assert len(few.axes) == 1  # no room is left empty beside it
    assert "the first 1 of 8" in few.get_suptitle().replace("\n", " ")
    none = doubts_figure(colour_blocks(), table.tail(3))
    assert none.axes[0].texts[0].get_text() == "no label is doubtful"


def test_the_table_above_the_figure_lists_what_it_shows():
    """The figure has no file names: of its 18 images the table named 12."""
    text = (notebooks_dir() / "09_your_own_images.ipynb").read_text()
    (line,) = (line for line in text.splitlines() if "ranked[ranked" in line)
    most = inspect.signature(doubts_figure).parameters["most"].default
    assert f".head({most})" in line
