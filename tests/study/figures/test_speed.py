"""The picture of a run's parts adds up to the run."""

import pandas as pd
import pytest

from rdc_kit.study.figures.speed import PARTS, parts_figure


def test_a_bar_is_as_long_as_its_run():
    case = {"dataset": "digits", "size": 32, "student": "convnet3-w32", "ipc": 1, "labels": "hard"}
    case |= {"epochs": 150}
    before = dict.fromkeys(PARTS, 0.5) | {"test": 3.0}
    table = pd.DataFrame(
        [
            case | {"way": w} | p
            for w, p in (("before", before), ("now", dict.fromkeys(PARTS, 0.25)))
        ]
    )
    table = pd.concat([table, table.assign(labels="soft")])
    figure = parts_figure(table)
    (ax,) = figure.axes
    ends = [max(b[k].get_x() + b[k].get_width() for b in ax.containers) for k in (0, 1)]
    assert ends == pytest.approx([sum(before.values()), 0.25 * len(PARTS)])
    assert [t.get_text() for t in figure.legends[0].get_texts()] == PARTS
    assert len({b[0].get_facecolor() for b in ax.containers}) == len(PARTS)
    small = table.assign(set=0.001, views=0.002)
    figure = parts_figure(small)
    said = [t.get_text() for t in figure.legends[0].get_texts()]
    assert said == [*PARTS[2:], "other"]
    assert "other: set, views" in figure.axes[-1].get_xlabel()
    ends = [b[0].get_x() + b[0].get_width() for b in figure.axes[0].containers]
    assert max(ends) == pytest.approx(small.iloc[0][PARTS].sum())
