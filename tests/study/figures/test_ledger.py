"""The ledger's figure: claims in points with their intervals, anchors with what was published."""

import pandas as pd

from rdc_kit.study.figures.ledger import ledger_figure
from rdc_kit.study.verdicts.ledger import ledger
from rdc_kit.study.verdicts.tables import collect


def _drawn(axes, part):
    """x of every first (interval), second (mean) or third (threshold) line, by height."""
    lines = sorted((line.get_ydata()[0], k, line) for k, line in enumerate(axes.lines[part::3]))
    return [line.get_xdata()[0] for _, _, line in lines]


def test_every_planned_effect_in_points_is_a_line_with_its_threshold():
    table = ledger(collect("evidence"))
    measured = table[table["low"].notna() & (table["unit"] == "points")]
    drawn = measured[measured["verdict"] != "demonstration"]
    above, *panels = ledger_figure(table).axes
    assert [ax.get_title(loc="left") for ax in panels] == ["cifar10", "imagenette"]
    for ax in panels:
        mine = drawn[drawn["dataset"] == ax.get_title(loc="left")]
        assert len(mine) > 5
        for part, column in enumerate(["low", "mean", "least"]):
            assert sorted(_drawn(ax, part)) == sorted(mine[column])
    anchors = table[(table["anchor"] > 0) & table["low"].notna()]
    stars = [line.get_xdata()[0] for line in above.lines[2::3]]
    assert stars == anchors["anchor"].tolist()
    assert 14.4 in stars
    names = {label.get_text() for label in above.get_yticklabels()}
    assert len(names) == len(anchors)  # a teacher of another length is told


def test_an_effect_stands_beside_its_name_and_below_its_claim():
    table = ledger(collect("evidence"))
    measured = table[table["low"].notna() & (table["unit"] == "points")]
    _, ax, _ = ledger_figure(table).axes
    names = dict(zip(ax.get_yticks(), (t.get_text() for t in ax.get_yticklabels()), strict=True))
    claims = [t.get_text() for t in ax.get_yticklabels(minor=True)]
    assert claims[0].startswith("C1: with soft labels")
    assert set(names.values()) == set(measured["effect"][measured["verdict"] != "demonstration"])
    lines = {line.get_ydata()[0]: line.get_xdata()[0] for line in ax.lines[1::3]}
    mine = measured[(measured["dataset"] == "cifar10") & (measured["claim"] == "C5")]
    beside = next(y for y, name in names.items() if name == "el2n - random" and y in lines)
    by_room = mine.sort_values("ipc", key=lambda ipcs: ipcs.astype(int))
    assert [lines[beside + 0.8 * k] for k in range(3)] == by_room["mean"].tolist()
    told = [text.get_text() for text in ax.texts if text.xy[1] in lines]
    assert len(told) == len(lines)
    assert {text.partition(",")[0] for text in told} <= {*measured["ipc"].astype(str)}
    steps = measured[measured["claim"] == "steps"]
    assert {text for text in told if "ep." in text} >= {
        f"{row.ipc}, {row.epochs:g} ep." for row in steps.itertuples()
    }


def test_where_nothing_was_planned_demonstrations_are_drawn():
    table = ledger(collect("evidence"), lines=[])
    figure = ledger_figure(table)
    measured = table[table["low"].notna() & (table["unit"] == "points")]
    assert sum(len(ax.lines) // 3 for ax in figure.axes) == len(measured) > 20
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["exploratory", "demonstration"]


def test_a_ledger_without_points_is_a_figure_all_the_same():
    table = ledger(collect("evidence"))
    figure = ledger_figure(table[table["unit"] == "nats"])
    figure.canvas.draw()
    assert [len(ax.lines) for ax in figure.axes] == [0]


def test_numbers_of_images_have_no_decimals():
    """A column with a gap in it is one of floats."""
    table = ledger(collect("evidence"))
    table = table[table["low"].notna() & pd.to_numeric(table["ipc"], errors="coerce").notna()]
    above, ax, _ = ledger_figure(table.assign(ipc=table["ipc"].astype(float))).axes
    said = [t.get_text() for t in (*above.get_yticklabels(), *ax.texts)]
    assert any("10 per class" in text for text in said)
    assert not any(".0" in text for text in said)
