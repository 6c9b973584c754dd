"""The ledger's figure: claims in points, with their intervals."""

from rdc_kit.study.figures.ledger import ledger_figure
from rdc_kit.study.verdicts.ledger import ledger
from rdc_kit.study.verdicts.tables import collect


def test_every_claim_in_points_is_a_line_with_its_threshold():
    table = ledger(collect("evidence"))
    drawn = table[(table["unit"] == "points") & table["low"].notna()]
    (ax,) = ledger_figure(table).axes
    assert len(ax.get_yticks()) == len(drawn) > 20
    effects = [line.get_xdata()[0] for line in ax.lines[1::3][: len(drawn)]]
    assert effects == drawn["effect"].tolist()
    named = [label.get_text() for label in ax.get_yticklabels()]
    assert named[0].startswith(f"{drawn['claim'].iloc[0]}: ")
    looks = ax.get_legend_handles_labels()[1]
    assert looks == ["holds", "fails", "undecided", "not evidence"]
