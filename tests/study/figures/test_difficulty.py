"""Figures of scores: histograms and the square of agreement."""

import numpy as np
import pandas as pd
import torch

from rdc_kit.prune.recorders import Scores
from rdc_kit.study.analyses.difficulty import ends
from rdc_kit.study.figures import difficulty

from ...conftest import colour_blocks
from .conftest import all_text, arm_rows


def scores_of(values, name="el2n", never=None):
    values = torch.tensor(values, dtype=torch.float32)
    return Scores(name, values, torch.arange(len(values)), never)


def test_score_histograms_say_how_many_share_the_lowest_value():
    even = scores_of([0, 0, 1, 2], "forgetting", torch.tensor([False, False, False, True]))
    figure = difficulty.plot_scores({"forgetting": even, "el2n": scores_of(np.arange(200.0))})
    texts = [[t.get_text() for t in ax.texts] for ax in figure.axes]
    assert texts == [["50 % share\nthe lowest value"], []]
    heights = sum(patch.get_height() for patch in figure.axes[0].patches)
    assert heights == 3  # the image that was never learned stands apart


def test_agreement_is_written_into_its_square():
    names = ["el2n", "aum", "forgetting"]
    table = pd.DataFrame(np.eye(3), names, names)
    (ax,) = difficulty.agreement_figure(table).axes
    assert len(ax.texts) == 9
    assert [text.get_text() for text in ax.get_yticklabels()] == ["EL2N", "AUM", "Forgetting"]
    assert "1.00" in all_text(ax.figure)


def test_the_sheet_of_ends_has_the_hardest_on_the_right():
    blocks = colour_blocks(per_class=6)
    table = ends(blocks, scores_of(np.arange(18) / 10), [""] * 18, each=3)
    figure = difficulty.ends_figure(blocks, table)
    line = figure.axes[:7]
    assert "score below each image" in figure.get_suptitle()
    assert [len(ax.images) for ax in line] == [1, 1, 1, 0, 1, 1, 1]
    said = [[t.get_text() for t in ax.texts] for ax in line]
    assert said[0] == ["0.00", "0"]  # its score, and the class
    assert [one[0] for one in said[4:]] == ["0.90", "1.20", "1.50"]


def test_windows_of_difficulty_are_a_line_per_ipc_beside_random():
    windows = {f"el2n skip={skip:g}": ({"skip": skip}, [20, 30]) for skip in (0.25, 0.5)}
    arms = {"el2n": ({"skip": 0.0}, [40, 50]), **windows, "random": ({"skip": 0.0}, [26, 28])}
    figure = difficulty.windows_figure(arm_rows(arms, ipc=10))
    (ax,) = figure.axes
    line, random = ax.lines
    assert line.get_xdata().tolist() == [0, 25, 50]
    assert line.get_marker() == "D"  # of 10 per class in every figure
    assert line.get_ydata().tolist() == [45, 25, 25]
    assert list(random.get_ydata()) == [27, 27]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["10"]
    assert "n = 2 seeds" in all_text(figure)
