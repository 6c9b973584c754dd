"""Charts of the benchmark: what is drawn is what the tables say."""

import numpy as np
import pandas as pd
import pytest

from rdc_kit.study.figures import methods
from rdc_kit.study.verdicts import published
from rdc_kit.study.verdicts.metrics import soft_hard_gaps

from .conftest import markers


def test_the_benchmark_figure_shows_each_mean_and_keeps_what_is_missing_missing(table):
    reference = published.published(dataset="imagenet-1k", protocol="rethinkdc")
    figure = methods.labels_figure(table, reference)
    soft, hard, soft_published, hard_published = figure.axes
    assert len(markers(soft)) == 3
    assert len(markers(hard)) == 4
    mean = table.query("method == 'pca' and ipc == 1 and labels == 'hard'")["top1"].mean()
    assert any(x == pytest.approx(mean) and y == 1 for x, y, _ in markers(hard))
    assert "n = 3 seeds" in figure.get_suptitle()
    shown = reference.query("labels == 'hard' and method in ['random', 'pca']")
    drawn = markers(hard_published)
    assert sorted(x for x, _, _ in drawn) == sorted(shown["top1"])
    assert {colour for *_, colour in drawn} == {"white"}  # all second-hand
    assert "not found" in [t.get_text() for t in soft_published.texts]  # PCA, soft: never copied
    assert "second-hand" in hard_published.get_title(loc="left")


def test_without_published_numbers_ours_stand_alone(table):
    reference = published.published(dataset="imagenet-1k", protocol="rethinkdc")
    for nothing in (None, reference.iloc[:0]):
        soft, hard = methods.labels_figure(table, nothing).axes
        assert soft.get_xlabel() == hard.get_xlabel() == "top-1 accuracy of the last epoch, %"


def test_gaps_are_drawn_with_their_n(table):
    found = soft_hard_gaps(table[table["ipc"] == 1])
    figure = methods.gaps_figure(found)
    assert len(markers(figure.axes[0])) == 2
    assert "n = 3" in figure.axes[0].get_xlabel()


def test_a_method_that_the_kit_does_not_know_is_drawn_after_the_others_by_its_name(table):
    """It vanished from one figure and ended the next; results outlive what registered it."""
    own = table[table["method"] == "random"].assign(method="mine", arm="mine", family="own")
    both = pd.concat([own, table[table["ipc"] == 1]])
    reference = published.published(dataset="imagenet-1k", protocol="rethinkdc")
    drawn = [methods.labels_figure(both, reference), methods.gaps_figure(soft_hard_gaps(both))]
    for figure in drawn:
        names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
        assert names == ["Random", "PCA", "mine"]
    words = {t.get_position()[1] for ax in drawn[0].axes[2:] for t in ax.texts}
    assert 2 not in words  # nobody has looked for published numbers of one's own method
    (ax,) = methods.price_figure(both[both["ipc"] == 1]).axes
    assert "mine" in [text.get_text() for text in ax.texts]


def test_two_arms_of_one_method_have_a_line_each(table):
    large = table[table["method"] == "pca"].assign(arm="pca grid=3x3")
    reference = published.published(dataset="imagenet-1k", protocol="rethinkdc")
    figure = methods.labels_figure(pd.concat([table, large]), reference)
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert names == ["Random", "PCA", "pca grid=3x3"]


def many_ipcs(table, count=20):
    """The rows of one ipc again and again, as of 1 to `count` images per class."""
    one = table[table["ipc"] == 1]
    return pd.concat([one.assign(ipc=ipc) for ipc in range(1, count + 1)])


@pytest.mark.parametrize("count", [6, 20])
def test_any_number_of_ipcs_is_drawn(table, count):
    reference = published.published(dataset="imagenet-1k", protocol="rethinkdc")
    soft = methods.labels_figure(many_ipcs(table, count), reference).axes[0]
    assert len(markers(soft)) == 2 * count
    texts = [text.get_text() for text in soft.get_legend().get_texts()]
    assert texts == [*map(str, range(1, count)), f"{count} per class"]
    (gaps,) = methods.gaps_figure(soft_hard_gaps(many_ipcs(table, count))).axes
    lines = {round(y) for _, y, _ in markers(gaps)}
    assert lines == {0, 1}  # each mark is nearest to its own method


def test_the_legend_of_many_ipcs_stays_in_its_panel(table):
    reference = published.published(dataset="imagenet-1k", protocol="rethinkdc")
    figure = methods.labels_figure(many_ipcs(table, 6), reference)
    figure.draw_without_rendering()
    legend, panel = (
        part.get_window_extent() for part in (figure.axes[0].get_legend(), figure.axes[0])
    )
    assert panel.x0 <= legend.x0
    assert legend.x1 <= panel.x1


def test_the_price_of_any_number_of_protocols_is_drawn(table):
    rows = [table[table["ipc"] == 1].assign(protocol=f"p{k}") for k in range(20)]
    (ax,) = methods.price_figure(pd.concat(rows)).axes
    assert len(ax.get_legend().get_texts()) == 20


def test_the_price_is_images_and_labels_together(table):
    figure = methods.price_figure(table[table["ipc"] == 1])
    xs = {float(x) for line in figure.axes[0].lines for x in np.atleast_1d(line.get_xdata())}
    assert xs == {5010.0, 14000.0}
