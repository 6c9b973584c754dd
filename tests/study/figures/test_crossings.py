"""The crossing's figure: every pair with its mean."""

from rdc_kit.study.figures.crossings import crossing_figure

from ..analyses.test_crossings import crossing_table


def test_every_pair_is_drawn_where_it_belongs():
    (ax,) = crossing_figure(crossing_table()).axes
    assert len(ax.texts) == 24
    assert ax.texts[0].get_text().startswith(("0.0", "-0.0"))
    assert ax.texts[23].get_text().startswith("23.0")
    assert "n = 3 seeds" in ax.get_title(loc="left") + ax.get_title()
    assert [t.get_text() for t in ax.get_yticklabels()] == ["EL2N", "AUM", "Forgetting", "random"]
    assert ax.get_xticklabels()[3].get_text() == "2 x 2\nneighbours\nin rank"
