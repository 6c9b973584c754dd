"""The ledger's figure: claims in points with their intervals, anchors with what was published."""

from rdc_kit.study.figures.ledger import ledger_figure
from rdc_kit.study.verdicts.ledger import ledger
from rdc_kit.study.verdicts.tables import collect


def test_every_planned_effect_in_points_is_a_line_with_its_threshold():
    table = ledger(collect("evidence"))
    measured = table[table["low"].notna() & (table["unit"] == "points")]
    drawn = measured[measured["verdict"] != "demonstration"]
    above, below = ledger_figure(table).axes
    assert len(below.get_yticks()) == len(drawn) > 5
    assert [line.get_xdata()[0] for line in below.lines[1::3][: len(drawn)]] == drawn[
        "mean"
    ].tolist()
    assert [line.get_xdata()[0] for line in below.lines[2::3][: len(drawn)]] == drawn[
        "least"
    ].tolist()
    anchors = table[(table["anchor"] > 0) & table["low"].notna()]
    stars = [line.get_xdata()[0] for line in above.lines[2::3]]
    assert stars == anchors["anchor"].tolist()
    assert 14.4 in stars
    names = {label.get_text() for label in above.get_yticklabels()}
    assert len(names) == len(anchors)  # a teacher of another length is told
    named = [label.get_text() for label in below.get_yticklabels()]
    assert named[0].startswith(f"{drawn['claim'].iloc[0]}: {drawn['effect'].iloc[0]} | ")


def test_where_nothing_was_planned_demonstrations_are_drawn():
    table = ledger(collect("evidence"), lines=[])
    (ax,) = ledger_figure(table).axes
    measured = table[table["low"].notna() & (table["unit"] == "points")]
    assert len(ax.get_yticks()) == len(measured) > 20
    assert ax.get_legend_handles_labels()[1] == ["exploratory", "demonstration"]
