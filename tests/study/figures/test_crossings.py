"""The crossing's figure: every pair with its mean."""

from rdc_kit.study.figures.crossings import crossing_figure, on_top_figure

from ..analyses.test_crossings import crossing_table
from .conftest import arm_rows


def test_every_pair_is_drawn_where_it_belongs():
    (ax,) = crossing_figure(crossing_table().assign(student="convnet2-w8")).axes
    assert len(ax.texts) == 24
    assert ax.texts[0].get_text().startswith(("0.0", "-0.0"))
    assert ax.texts[23].get_text().startswith("23.0")
    assert "n = 3 seeds" in ax.get_title(loc="left") + ax.get_title()
    assert "ConvNet-2 (width 8)" in ax.get_title(loc="left")
    assert [t.get_text() for t in ax.get_yticklabels()] == ["EL2N", "AUM", "Forgetting", "random"]
    assert ax.get_xticklabels()[3].get_text() == "2 x 2\nneighbours\nin rank"
    assert ax.texts[23].get_text().count("±") == 1


def test_one_seed_has_no_spread():
    """It said ± nan."""
    (ax,) = crossing_figure(crossing_table().query("seed == 0")).axes
    assert [text.get_text() for text in ax.texts][23] == "23.0"
    assert ax.get_title(loc="left").endswith("n = 1 seed")


def test_pca_on_distilled_sets_says_what_is_seen():
    values = {"sre2l": ({"family": "distillation-noise"}, [40, 44])}
    values |= {"pca on=sre2l": ({"pool": "sre2l"}, [50, 52])}
    (ax,) = on_top_figure(arm_rows(values)).axes
    assert ax.get_title(loc="left") == (
        "PCA on distilled sets, at equal storage\n"
        "blocks, 16 px, 1 per class, hard labels, 3 epochs, ConvNet-2 (width 8)\n"
        "n = 2 seeds; band: ± 1 sd"
    )
    assert [t.get_text() for t in ax.get_yticklabels()] == ["SRe2L", "PCA on SRe2L"]
    assert "chance" in [t.get_text().strip() for t in ax.texts]
