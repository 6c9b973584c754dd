"""The figure of room: each step of PCA at the rooms that were measured, pending ones hollow."""

import pandas as pd
import pytest

from rdc_kit.study.figures.names import source_title
from rdc_kit.study.figures.room import STEPS, room_figure, steps_by_room
from rdc_kit.study.verdicts.ledger import ledger
from rdc_kit.study.verdicts.tables import collect


@pytest.fixture(scope="module")
def table():
    return ledger(collect("evidence"))


def test_each_step_is_drawn_at_the_rooms_that_were_measured(table):
    steps = steps_by_room(table)
    figure = room_figure(steps)
    for ax, dataset in zip(figure.axes, ("cifar10", "imagenette"), strict=True):
        mine = steps[steps["dataset"] == dataset]
        assert ax.get_title(loc="left").startswith(source_title(dataset))
        assert ax.get_xticks().tolist() == sorted(set(mine["ipc"]))
        lines = [line for line in ax.lines if line.get_linestyle() in ("-", "--")]
        lines = [line for line in lines if line.get_marker() == "None"][:-1]  # not that of zero
        for line, bars, effect in zip(lines, ax.collections, STEPS, strict=True):
            rows = mine[mine["effect"] == effect].sort_values("ipc")
            assert line.get_ydata().tolist() == rows["mean"].tolist()
            # Beside each other, so that intervals can be told apart, but near their room.
            assert line.get_xdata().round().tolist() == pytest.approx(sorted(rows["ipc"]), rel=0.1)
            ends = [segment[:, 1].tolist() for segment in bars.get_segments()]
            assert ends == rows[["low", "high"]].to_numpy().tolist()  # not from the mean


def test_each_mark_says_how_many_replicates_it_has_and_each_line_what_is_subtracted(table):
    steps = steps_by_room(table)
    figure = room_figure(steps)
    (legend,) = figure.legends
    said = [text.get_text() for text in legend.get_texts()]
    assert "prune: EL2N, easiest − Random" in said
    assert "combine what is pruned: PCA − EL2N, easiest" in said
    shapes = {
        handle.get_marker(): int(text.rpartition("= ")[2])
        for text, handle in zip(said, legend.legend_handles, strict=True)
        if "n = " in text
    }
    assert set(shapes.values()) == set(steps["n"])
    drawn = [
        (line.get_ydata()[0], shapes[line.get_marker()])
        for ax in figure.axes
        for line in ax.lines
        if line.get_marker() in shapes
    ]
    assert sorted(drawn) == sorted(zip(steps["mean"], steps["n"], strict=True))


def test_what_nobody_planned_or_measured_too_rarely_is_left_out(table):
    assert steps_by_room(table.assign(planned=None)).empty
    assert steps_by_room(table.assign(n=2)).empty
    assert steps_by_room(table.assign(unit="nats")).empty  # a gain in entropy has the same words
    alone = table[table["effect"] == "el2n - random"]  # one step, such as at other lengths
    assert steps_by_room(alone).empty


def test_what_was_measured_with_chosen_crops_is_another_question(table):
    chosen = table.assign(crops="0.08 1.0", mean=-99.0)
    both = pd.concat([chosen, table])
    pd.testing.assert_frame_equal(steps_by_room(both), steps_by_room(table))
    assert steps_by_room(chosen).empty


def test_only_hard_labels_are_drawn_as_such(table):
    """A line of soft labels before one of hard labels in the same room took its place."""
    soft = table.assign(labels="soft", mean=-99.0)
    both = pd.concat([soft, table], ignore_index=True)
    drawn, alone = steps_by_room(both), steps_by_room(table)
    assert drawn["mean"].tolist() == alone["mean"].tolist()
    assert steps_by_room(soft).empty


def test_replicates_that_are_pending_leave_hollow_marks(table):
    steps = steps_by_room(table).assign(n=3)
    (ax, *_) = room_figure(steps).axes
    assert "hollow" in ax.get_ylabel()
    hollow = [line for line in ax.lines if line.get_markerfacecolor() == "white"]
    assert sum(len(line.get_xdata()) for line in hollow) == (steps["dataset"] == "cifar10").sum()
