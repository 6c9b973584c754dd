"""The figure of room: each step of PCA at the rooms that were measured, pending ones hollow."""

import pandas as pd
import pytest

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
        for line, effect in zip(ax.lines[::2], STEPS, strict=False):
            rows = steps[(steps["dataset"] == dataset) & (steps["effect"] == effect)]
            assert line.get_ydata().tolist() == rows.sort_values("ipc")["mean"].tolist()
            # Beside each other, so that intervals can be told apart, but near their room.
            n = " or ".join(str(n) for n in sorted(set(steps[steps["dataset"] == dataset]["n"])))
            assert f"bars: 95 % t-intervals, n = {n}" in ax.get_title() + ax.get_title(loc="left")
            assert line.get_xdata().round().tolist() == pytest.approx(sorted(rows["ipc"]), rel=0.1)


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
