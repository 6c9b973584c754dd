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
    assert any(x == pytest.approx(mean) and round(y) == 1 for x, y, _ in markers(hard))
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
    (ax,) = methods.gaps_figure(found).axes
    assert len(markers(ax)) == 2
    assert "n = 3" in ax.get_xlabel()
    assert (ax.get_legend(), ax.get_title("left")) == (None, "1 per class")
    bars = [c.lines[2][0].get_segments()[0][:, 0] for c in ax.containers]
    ends = [(row.gap - row.ci95, row.gap + row.ci95) for row in found.itertuples()]
    np.testing.assert_allclose(bars, ends)


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
    assert names == ["Random", "PCA", "PCA, 3 x 3"]


def test_a_control_that_nobody_publishes_is_blank_and_has_its_words(table):
    noise = table[table["method"] == "random"].assign(method="noise", arm="noise")
    both = pd.concat([table, noise, noise.assign(arm="noise spectrum=pool")])
    reference = published.published(dataset="imagenet-1k", protocol="rethinkdc")
    figure = methods.labels_figure(both, reference)
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert names == ["Random", "noise (control)", "noise, spectrum of the pool", "PCA"]
    words = {t.get_position()[1]: t.get_text() for t in figure.axes[2].texts}
    assert words == {3: "not found"}  # PCA with soft labels


def many_ipcs(table, count=20):
    """The rows of one ipc again and again, as of 1 to `count` images per class."""
    one = table[table["ipc"] == 1]
    return pd.concat([one.assign(ipc=ipc) for ipc in range(1, count + 1)])


@pytest.mark.parametrize("count", [6, 20])
def test_any_number_of_ipcs_is_drawn(table, count):
    reference = published.published(dataset="imagenet-1k", protocol="rethinkdc")
    figure = methods.labels_figure(many_ipcs(table, count), reference)
    soft = figure.axes[0]
    assert len(markers(soft)) == 2 * count
    assert {round(y) for _, y, _ in markers(soft)} == {0, 1}  # each mark is nearest its own method
    (legend,) = figure.legends
    texts = [text.get_text() for text in legend.get_texts()]
    ipcs = sorted({*range(1, count + 1), 10, 50, 100})
    assert texts == [*map(str, ipcs[:-1]), "100 per class", "Random"]
    (gaps,) = methods.gaps_figure(soft_hard_gaps(many_ipcs(table, count))).axes
    assert {round(y) for _, y, _ in markers(gaps)} == {0, 1}


def test_a_shape_means_one_number_of_images_in_all_panels(table):
    """A circle was 1 per class here and 10 per class among what was published."""
    reference = published.published(dataset="imagenet-1k", protocol="rethinkdc")
    figure = methods.labels_figure(table, reference)
    _, hard, _, hard_published = figure.axes
    (legend,) = figure.legends
    names = [text.get_text() for text in legend.get_texts()]
    handles = legend.legend_handles
    shapes = {n: h.get_marker() for n, h in zip(names, handles, strict=True) if n != "Random"}
    assert list(shapes) == ["1 per class", "10 per class", "50 per class", "100 per class"]
    for ax, known in (
        (hard, table.query("labels == 'hard'").groupby(["method", "ipc"])["top1"].mean()),
        (hard_published, reference.query("labels == 'hard'").set_index(["method", "ipc"])["top1"]),
    ):
        drawn = {(c.lines[0].get_xdata()[0], c.lines[0].get_marker()) for c in ax.containers}
        for (method, ipc), value in known.items():
            if method in ("random", "pca"):
                assert (value, shapes[f"{int(ipc)} per class"]) in drawn


def test_ten_per_class_has_its_shape_where_one_per_class_was_not_measured(table):
    """A circle was 1 per class on CIFAR-10 and 10 per class on Imagenette."""
    ten = table[table["ipc"] == 10]
    drawn = [methods.labels_figure(ten), methods.gaps_figure(soft_hard_gaps(ten))]
    for figure in drawn:
        shapes = {c.lines[0].get_marker() for ax in figure.axes for c in ax.containers}
        assert shapes == {"D"}


def test_soft_and_hard_panels_compare_by_eye_and_chance_is_marked(table):
    reference = published.published(dataset="imagenet-1k", protocol="rethinkdc")
    soft, hard, *below = methods.labels_figure(table, reference).axes
    assert soft.get_xlim() == hard.get_xlim()
    assert below[0].get_xlim() == below[1].get_xlim() != soft.get_xlim()
    for ax in (soft, hard):
        assert "chance" in [text.get_text().strip() for text in ax.texts]
        dotted = [line.get_xdata()[0] for line in ax.lines if line.get_linestyle() == ":"]
        assert 20 in dotted  # five classes


def test_the_legend_of_many_ipcs_stays_in_its_figure(table):
    reference = published.published(dataset="imagenet-1k", protocol="rethinkdc")
    figure = methods.labels_figure(many_ipcs(table, 20), reference)
    figure.draw_without_rendering()
    legend, whole = figure.legends[0].get_window_extent(), figure.bbox
    assert whole.x0 <= legend.x0 < legend.x1 <= whole.x1
    assert legend.y1 < figure.axes[-1].get_window_extent().y0


def test_the_price_of_any_number_of_protocols_is_drawn(table):
    rows = [table[table["ipc"] == 1].assign(protocol=f"p{k}") for k in range(20)]
    (ax,) = methods.price_figure(pd.concat(rows)).axes
    assert len(ax.get_legend().get_texts()) == 20


def test_the_price_is_images_and_labels_together(table):
    figure = methods.price_figure(table[table["ipc"] == 1])
    xs = {float(x) for line in figure.axes[0].lines for x in np.atleast_1d(line.get_xdata())}
    assert xs == {5010.0, 14000.0}
    (ax,) = figure.axes
    assert ax.get_title("left").startswith(
        "blocks, 16 px, 1 per class, 300 epochs, ConvNet-2 (width 8)\nn = 3 seeds"
    )
    figure.draw_without_rendering()
    assert "10 kB" in [text.get_text() for text in ax.get_xticklabels()]
    assert "bytes" not in ax.get_xlabel()  # the ticks have the unit


def test_the_price_has_the_spread_of_seeds_and_labels_that_are_not_stored_are_hollow(table):
    one = table[(table["ipc"] == 1) & (table["method"] == "random")]
    (ax,) = methods.price_figure(one).axes
    said = [text.get_text() for text in ax.get_legend().get_texts()]
    assert said == ["hard", "soft, given in training"]
    for container, labels in zip(ax.containers, ("hard", "soft"), strict=True):
        values = one.loc[one["labels"] == labels, "top1"]
        ends = container.lines[2][0].get_segments()[0][:, 1]
        np.testing.assert_allclose(ends, values.mean() + values.std() * np.array([-1, 1]))
    fills = [container.lines[0].get_mfc() for container in ax.containers]
    assert (fills[0] == "none", fills[1] == "none") == (False, True)
