"""Figures of arms: every seed is shown, n is stated, and the numbers are the table's."""

import re

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from rdc_kit.data.imagesets import VIEWS
from rdc_kit.methods import METHODS
from rdc_kit.study.figures import arms as figures
from rdc_kit.study.figures.base import family_colour
from rdc_kit.study.grid import arms
from rdc_kit.study.verdicts import stats
from rdc_kit.study.verdicts.published import published

from .conftest import all_text, arm_rows, is_beside


def test_the_figure_shows_every_seed_and_states_n():
    table = arm_rows({"random": ({"family": "baseline"}, [50, 52]), "pca": ({}, [60, 61])})
    reference = published(dataset="imagenet-1k", labels="hard", protocol="rethinkdc")
    left, right = figures.first_look(table, reference).axes
    assert sum(len(c.get_offsets()) for c in left.collections) == len(table)
    assert "n = 2 seeds" in left.get_title(loc="left")
    assert "second-hand" in right.get_title(loc="left")
    text = " ".join(t.get_text() for t in left.texts)
    for mean in stats.summarise(table)["mean"]:
        assert re.search(rf"\b{mean:.1f}\b", text)
    assert [t.get_text() for t in left.get_yticklabels()] == ["Random", "PCA"]
    for ax in (left, right):  # both sides are of hard labels, and say so
        assert "hard labels" in ax.get_title(loc="left")
    assert right.get_xscale() == "log"  # 10, 50 and 100 are no equal steps
    assert right.get_xticks().tolist() == [10, 50, 100]
    assert [t.get_text() for t in right.texts] == ["Random", "EL2N, easiest", "PCA"]
    figure = left.figure
    figure.draw_without_rendering()
    edge = right.get_window_extent().x1
    assert all(t.get_window_extent().x1 <= edge for t in right.texts)


def test_ablations_have_a_panel_per_question():
    parts = {name: arms.ablation_parts(1)[name] for name in ("step by step", "grid")}
    values = {
        arm.key: ({"grid": arms.shape_text(arm.options.get("grid", 2))}, [80 + k, 81 + k, 82 + k])
        for k, arm in enumerate(arms.unique(parts))
    }
    values["pca view=whole"] = ({}, [5, 6, 7])
    figure = figures.ablation_figure(arm_rows(values), parts)
    titles = [ax.get_title() or ax.get_title(loc="left") for ax in figure.axes]
    assert titles == ["step by step", "grid"]
    assert "n = 3 seeds" in figure.get_suptitle()
    assert len(figure.axes[0].get_yticks()) == 5
    assert len(figure.axes[1].get_yticks()) == 4
    # From 0 only where something is near chance; elsewhere the lines would lie on each other.
    assert figure.axes[0].get_xlim()[0] == 0
    assert 70 < figure.axes[1].get_xlim()[0] < 84
    assert "axes differ" in figure.get_suptitle()
    assert "grey line: PCA" in figure.get_suptitle()
    full = np.mean(values["pca"][1])
    for ax in figure.axes:
        grey = [line for line in ax.lines if line.get_color() == "#bbbbbb"]
        assert [line.get_xdata()[0] for line in grey] == [full]  # PCA's mean, not that of all
    names = [label.get_text() for label in figure.axes[1].get_yticklabels()]
    assert names == ["1 x 1", "1 x 2", "2 x 2 (PCA)", "3 x 3"]


def test_the_sweep_draws_a_line_per_view():
    values = {}
    for k, arm in enumerate(arms.crop_arms(crops=(0.5, 1.0))):
        columns = {"view": arm.protocol["view"], "crop_low": arm.protocol["crop"][0]}
        values[arm.key] = (columns, [50 + k, 52 + k])
    table = arm_rows(values)
    (ax,) = figures.crops_figure(table).axes
    assert ax.get_legend_handles_labels()[1] == ["whole", "shuffled", "extracted", "chance"]
    assert is_beside(ax.get_legend(), ax)
    assert ax.lines[3].get_ydata() == [stats.chance(table)] * 2
    for line in ax.lines[:3]:
        assert line.get_xdata().tolist() == [0.5, 1.0]
    mean = table.loc[table["arm"] == "pca crop=1", "top1"].mean()
    np.testing.assert_allclose(ax.lines[2].get_ydata()[1], mean)
    assert ax.lines[2].get_color() == family_colour("pca")
    assert len({line.get_marker() for line in ax.lines[:3]}) == 3
    assert "hard labels" in ax.get_title(loc="left")
    assert "share of the area of a cell (extracted) or composite" in ax.get_xlabel()


def test_every_view_that_there_is_can_be_swept():
    """The fourth one ended in a KeyError."""
    values = {
        f"pca view={view} crop={low:g}": ({"view": view, "crop_low": low}, [50, 52])
        for view in VIEWS
        for low in (0.5, 1)
    }
    (ax,) = figures.crops_figure(arm_rows(values)).axes
    titles = ["whole", "extracted", "shuffled", "shuffled at will", "chance"]
    assert ax.get_legend_handles_labels()[1] == titles


def test_the_orders_figure_has_a_line_per_arm():
    values = {"random": ({"family": "baseline", "order": "random"}, [21, 22, 25])}
    values |= {"el2n": ({"family": "pruning"}, [28, 29, 32])}
    values |= {"el2n order=hard": ({"family": "pruning", "order": "hard"}, [8, 9, 12])}
    few, many = (arm_rows(values, ipc=ipc, view="whole") for ipc in (1, 10))
    figure = figures.orders_figure(pd.concat([few, many.assign(top1=many["top1"] + 9)]))
    (ax,) = figure.axes
    titles = ["Random", "EL2N, easiest", "EL2N, hardest"]  # as they were planned
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [*titles, "chance"]
    random = ax.containers[0]  # a little left of the middle line, so that no bar hides another
    ends = [[1 / 1.012, 68 / 3], [10 / 1.012, 95 / 3]]
    np.testing.assert_allclose(random.lines[0].get_xydata(), ends)
    sd = np.std([21, 22, 25], ddof=1)
    bars = [bar[:, 1].tolist() for bar in random.lines[2][0].get_segments()]
    np.testing.assert_allclose(bars, [[m - sd, m + sd] for m in (68 / 3, 95 / 3)])
    colours = {c.get_label(): c.lines[0].get_color() for c in ax.containers}
    assert colours["EL2N, hardest"] != colours["EL2N, easiest"] == family_colour("pruning")


def test_lines_of_the_orders_figure_have_the_plans_order_and_a_look_each():
    """Another run had another order in its legend; circles were of every metric."""
    planned = {"random": "random", "el2n": "easy", "el2n order=hard": "hard", "aum": "easy"}
    planned |= {"aum order=hard": "hard", "forgetting": "easy", "ccs": "ccs"}
    legends = []
    for better in (1, -1):
        values = {
            key: ({"order": order, "metric": key.split()[0]}, [50 + better * k] * 2)
            for k, (key, order) in enumerate(planned.items())
        }
        (ax,) = figures.orders_figure(arm_rows(values, view="whole")).axes
        legends.append([text.get_text() for text in ax.get_legend().get_texts()])
        lines = {c.get_label(): c.lines[0] for c in ax.containers}
        looks = {name: (line.get_linestyle(), line.get_marker()) for name, line in lines.items()}
        assert looks["EL2N, easiest"] == looks["EL2N, hardest"] == ("-", "o")
        assert looks["AUM, easiest"] == looks["AUM, hardest"] == ("--", "s")
        assert looks["Forgetting, easiest"] == (":", "^")
        fills = {name for name, line in lines.items() if line.get_mfc() == "white"}
        assert fills == {"EL2N, hardest", "AUM, hardest"}
    assert legends[0] == legends[1]


def test_the_orders_figure_draws_more_methods_than_dashes_and_orders_of_ones_own():
    """A fourth method, or an order that the kit does not have, once ended in an error."""
    values = {name: ({"family": "pruning"}, [30, 31]) for name in ("el2n", "aum", "forgetting")}
    values["mine"] = ({"family": "own", "order": "newest"}, [40, 42])
    values["mine order="] = ({"family": "own", "order": np.nan}, [43, 44])
    table = pd.concat([arm_rows(values, ipc=ipc, view="whole") for ipc in (1, 10)])
    (ax,) = figures.orders_figure(table).axes
    assert len(ax.containers) == len(values)
    mine = [c.lines[0] for c in ax.containers if c.get_label().startswith("mine")]
    assert [(line.get_color(), line.get_linestyle()) for line in mine] == [("#333333", "-")] * 2


def test_architectures_are_lines_and_methods_are_marks():
    values = {
        "random": ({"family": "baseline"}, [50, 52]),
        "el2n": ({"family": "pruning"}, [55, 56]),
    }
    values |= {"pca": ({}, [60, 61])}
    networks = ("convnet2-w8", "convnet3-w8")
    table = pd.concat([arm_rows(values, student=network) for network in networks])
    (ax,) = figures.architectures_figure(table).axes
    names = [t.get_text() for t in ax.get_yticklabels()]
    assert names == ["ConvNet-2 (width 8)", "ConvNet-3 (width 8)"]
    assert ax.get_legend_handles_labels()[1] == ["Random", "EL2N, easiest", "PCA"]


def test_every_method_of_the_kit_fits_into_one_figure_of_architectures_with_its_own_mark():
    values = {name: ({"family": m.family}, [50, 52]) for name, m in METHODS.items()}
    (ax,) = figures.architectures_figure(arm_rows(values)).axes
    marks = [(c.lines[0].get_marker(), c.lines[0].get_color()) for c in ax.containers]
    assert len(set(marks)) == len(METHODS)


def test_a_number_near_zero_is_right_of_the_axis():
    values = {"random": ({"family": "baseline"}, [0, 0]), "pca": ({}, [60, 61])}
    _, ax = plt.subplots(figsize=(2.6, 2))
    figures.plot_arms(ax, arm_rows(values))
    ax.figure.draw_without_rendering()
    assert ax.texts[0].get_text() == "0.0"
    assert ax.texts[0].get_window_extent().x0 >= ax.get_window_extent().x0


def test_ways_of_choosing_say_what_was_measured_on_how_many_images():
    values = {"random": ({"family": "baseline"}, [50, 52]), "pca": ({}, [60, 62])}
    (ax,) = figures.ways_figure(arm_rows(values, ipc=5, tests=15)).axes
    said = ax.get_title(loc="left")
    assert said.startswith(
        "blocks, 16 px, 5 per class, hard labels, 3 epochs, ConvNet-2 (width 8)\n"
    )
    assert said.endswith("n = 2 seeds; band: ± 1 sd; 15 test images")
    ax.figure.canvas.draw()
    first, second = [ax.transData.transform(line.get_xydata())[:, 1] for line in ax.lines[:2]]
    texts = [words.get_window_extent() for words in ax.texts]
    assert texts[0].y0 + 2 > first.max()  # a mean is above its mark, but for what hangs below it
    assert second.max() - 2 < texts[1].y0 < texts[1].y1 < first.min()


def test_chance_is_a_line_with_its_name():
    table = arm_rows({"random": ({"order": "random", "view": "whole"}, [50, 52])})
    _, ax = plt.subplots()
    figures.plot_arms(ax, table, chance=100 / 3)
    assert ax.lines[-1].get_xdata()[0] == pytest.approx(100 / 3)
    assert "Random" in all_text(ax.figure)
    assert "chance" in all_text(ax.figure)
