"""What all figures share: captions, marks, lines, sheets of images."""

import matplotlib.pyplot as plt
import pandas as pd
import pytest

import rdc_kit as rdc
from rdc_kit.study.figures import base, saving

from ...conftest import colour_blocks
from .conftest import arm_rows, is_beside


@pytest.fixture
def two():
    return arm_rows({"random": ({}, [50, 52]), "pca": ({}, [60, 61])})


def test_letters_of_other_scripts_are_drawn_by_an_installed_font(monkeypatch):
    names = ["DejaVu Sans", "Noto Sans CJK JP", "Comic Neue"]
    monkeypatch.setattr(base.font_manager, "get_font_names", lambda: names)
    base.use_style()
    assert plt.rcParams["font.family"] == names[:2]


def test_dollars_in_a_name_are_dollars(two, tmp_path):
    """Not mathematics, which fails where it is wrong."""
    base.use_style()
    sheet = base.show_images({"$\\frac{1}$": colour_blocks()}, columns=2, title="a $x$")
    assert saving.save_figure(sheet, "sheet", two, folder=tmp_path).is_file()


def test_sheets_draw_the_pixels_that_are_there():
    pool = colour_blocks(per_class=8)
    stored = rdc.compress("pca", pool, 2, order="random")
    sheet = base.show_images({"a": stored, "b": pool[:3]}, columns=5)
    drawn = [ax.images[0].get_array() for ax in sheet.axes if ax.images]
    assert len(drawn) == 5 + 3
    assert (drawn[0] == stored.images[0].permute(1, 2, 0).numpy()).all()


def test_a_sheet_says_what_is_seen():
    pool = colour_blocks(2)  # labels 0, 1, 2, 0, 1, 2
    said = [
        base.show_images({"a": pool[[0, 1, 2]], "b": pool[[3, 4, 5]]}, columns=3),
        base.show_images({"a": pool[[0, 1, 2]]}, columns=2),
        base.show_images({"a": pool, "b": pool[:2]}, columns=4),
        base.show_images({"a": pool}, columns=4, title="mine"),
    ]
    assert [sheet.get_suptitle() for sheet in said] == [
        "blocks, 16 px: one image per class",
        "blocks, 16 px: one image per class, 2 of 3 classes",
        "blocks, 16 px: the first 4 images of each line",
        "mine",
    ]


def test_columns_of_one_class_have_its_name_above_and_others_have_none():
    pool = colour_blocks(2)
    one, other = pool[[0, 1, 2]], pool[[3, 4, 5]]  # labels 0, 1, 2 in both
    first = base.show_images({"a": one, "b": other}, columns=4).axes[:4]
    assert [ax.get_title() for ax in first] == ["0", "1", "2", ""]
    assert first[0].get_title("left") == "a\n"  # above the class, not across it
    mixed = base.show_images({"a": one, "b": pool[[1, 2, 0]]}, columns=3).axes[:3]
    assert [ax.get_title() for ax in mixed] == ["", "", ""]
    same = base.show_images({"a": pool[[0, 3]]}, columns=2).axes
    assert [ax.get_title() for ax in same] == ["", ""]


def test_the_first_of_each_class_is_the_top_of_its_ranking():
    pool = colour_blocks(per_class=4)
    assert base.first_of_each_class(pool).row_ids.tolist() == [0, 1, 2]


def test_a_line_is_the_mean_with_a_band_of_one_sd():
    table = arm_rows(
        {"pca": ({"crop_low": 0.5}, [50, 54]), "pca crop=1": ({"crop_low": 1}, [60, 60])}
    )
    _, ax = plt.subplots()
    base.plot_line(ax, table, "crop_low", "red", "PCA")
    assert ax.lines[0].get_xydata().tolist() == [[0.5, 52], [1, 60]]
    band = ax.collections[0].get_paths()[0].vertices
    assert {round(y, 3) for x, y in band if x == 0.5} == {
        round(52 - 8**0.5, 3),
        round(52 + 8**0.5, 3),
    }


def test_a_caption_leaves_out_what_varies(two):
    assert base.caption(two) == "blocks, 16 px, 1 per class, 3 epochs, ConvNet-2 (width 8)"
    assert base.caption(two, labels=True, student=False) == (
        "blocks, 16 px, 1 per class, hard labels, 3 epochs"
    )
    assert base.caption(pd.concat([two, two.assign(ipc=10)]), student=False) == (
        "blocks, 16 px, 3 epochs"
    )
    assert base.seeds_note(two) == "n = 2 seeds; band: ± 1 sd"
    assert base.seeds_note(two, "") == "n = 2 seeds"


def test_what_all_seeds_share_is_said_beside_their_number(two):
    taught = two.assign(scoring_seed=two["seed"].where(two["arm"] == "pca"), teacher_seed=0)
    assert base.seeds_note(taught, "") == "n = 2 seeds (shared: teacher)"
    ranked = taught.assign(scoring_seed=taught["scoring_seed"] * 0)
    assert base.seeds_note(ranked) == "n = 2 seeds (shared: scoring run, teacher); band: ± 1 sd"
    assert base.seeds_note(ranked[ranked["seed"] == 0], "") == "n = 1 seed"
    assert base.seeds_note(two.assign(teacher_seed=None), "") == "n = 2 seeds"


def test_sets_of_most_arms_are_shared_where_only_random_images_are_drawn_anew():
    arms = {key: ({}, [50, 52]) for key in ("random", "el2n", "pca")}
    table = arm_rows(arms).assign(set_seed=0)
    assert base.seeds_note(table, "") == "n = 2 seeds (shared: sets)"
    drawn = table.assign(set_seed=table["seed"].where(table["arm"] == "random", 0))
    assert base.seeds_note(drawn, "") == "n = 2 seeds (shared: most sets)"
    assert base.seeds_note(drawn[drawn["arm"] != "el2n"], "") == "n = 2 seeds (shared: some sets)"
    assert base.seeds_note(drawn[drawn["arm"] == "random"], "") == "n = 2 seeds"
    # Several seeds may choose the same images.
    same = table.assign(set_seed=table["seed"], set_hash=table["arm"])
    assert base.seeds_note(same, "") == "n = 2 seeds (shared: sets)"


def test_a_log_axis_has_the_ticks_that_it_is_given_and_no_others():
    _, ax = plt.subplots()
    ax.plot([1, 1000], [1, 2])
    base.log_axis(ax, [0.5, 10, 1200])
    assert [text.get_text() for text in ax.get_xticklabels()] == ["0.5", "10", "1200"]
    assert ax.get_xscale() == "log"
    assert list(ax.get_xticks(minor=True)) == []


def test_markers_begin_again_after_the_last():
    marks = [base.marker(k) for k in range(100)]
    assert marks[:5] == list("oDs^v")
    assert marks.index("o", 1) == len(set(marks)) >= len(rdc.METHODS)


def test_a_number_of_images_has_one_shape_in_every_figure():
    assert base.ipc_markers([100, 1, 10, 50, 1]) == {1: "o", 10: "D", 50: "s", 100: "^"}
    assert base.ipc_markers([50, 10]) == {10: "D", 50: "s"}
    others = base.ipc_markers([1, 3, 10, *range(200, 220)])
    assert (others[1], others[10]) == ("o", "D")
    assert not set("oDs^") & {mark for ipc, mark in others.items() if ipc not in (1, 10)}
    assert (others[3], others[200]) == ("v", "P")


def test_every_family_has_a_colour():
    assert {m.family for m in rdc.METHODS.values()} <= set(base.FAMILY_COLOURS)


def test_guessing_is_marked_inside_the_axes_though_every_accuracy_is_below_it():
    _, ax = plt.subplots()
    ax.plot([20, 26], [0, 1])
    ax.set_xlim(left=0)
    base.mark_chance(ax, 50)
    assert ax.get_xlim()[1] > 50
    base.mark_chance(ax, 10)
    assert ax.get_xlim() == pytest.approx((0, 57.5))


def test_the_word_chance_hides_no_mark_of_the_last_row():
    """Its white box stood in the last row, over a mark that was near chance."""
    _, ax = plt.subplots(figsize=(4, 1.6))
    (marks,) = ax.plot([9.5, 11, 12], [0, 1, 2.3], "o")
    ax.set(xlim=(0, 50), ylim=(2.6, -0.6))
    base.mark_chance(ax, 10)
    ax.figure.draw_without_rendering()
    word = ax.texts[0].get_window_extent()
    lowest = ax.transData.transform(marks.get_xydata())[:, 1].min() - marks.get_markersize() / 2
    assert ax.get_window_extent().y0 < word.y1 < lowest


@pytest.mark.parametrize("lines", [([0.1, 0.9],), ([0.1, 0.9], [0.9, 0.1])])
def test_a_legend_stands_beside_the_axes_whatever_is_drawn_in_them(lines):
    _, ax = plt.subplots()
    for k, line in enumerate(lines):
        ax.plot([0, 1], line, label=f"line {k}")
    base.legend_beside(ax, title="lines")
    assert is_beside(ax.get_legend(), ax)
