"""A bar for people, silence for logs, times as people say them."""

from types import SimpleNamespace

import IPython.display
import pytest

from rdc_kit.ground import progress
from rdc_kit.ground.progress import FETCHED, TimeLeft, bar, busy, human_time


def test_quiet_when_nobody_watches(capfd, monkeypatch):
    monkeypatch.setenv("RDC_INTERACTIVE", "0")
    assert list(bar(range(3), "training")) == [0, 1, 2]
    assert capfd.readouterr() == ("", "")


def test_a_bar_when_somebody_does(capfd, monkeypatch):
    monkeypatch.setenv("RDC_INTERACTIVE", "1")
    assert list(bar(range(3), "training")) == [0, 1, 2]
    assert "training" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("seconds", "text"), [(40, "40 s"), (99.6, "100 s"), (720, "12 min"), (12600, "3.5 h")]
)
def test_times_are_said_as_people_say_them(seconds, text):
    assert human_time(seconds) == text


@pytest.fixture
def cell(monkeypatch):
    """A notebook's shell and the outputs of its cell: each the contents that it had in turn."""
    outputs, ends = [], []
    events = SimpleNamespace(register=lambda event, call: ends.append(call))

    class Handle:
        def __init__(self):
            outputs.append([])

        def update(self, content, raw):
            outputs[-1].append(content["text/html"])

    def display(content, raw, display_id):
        handle = Handle()
        handle.update(content, raw)
        return handle

    monkeypatch.setenv("RDC_INTERACTIVE", "1")
    monkeypatch.setattr(progress, "_kernel", lambda: shell)
    monkeypatch.setattr(progress, "_LINE", progress._Line())
    monkeypatch.setattr(progress, "_EVERY", -1)
    monkeypatch.setattr(IPython.display, "display", display)
    shell = SimpleNamespace(events=events, execution_count=1, kernel=1, outputs=outputs)
    shell.end = lambda: [call(None) for call in ends]
    return shell


def test_a_cell_has_one_line_for_all_its_bars_and_none_when_it_ends(cell):
    outer = bar(range(3), "runs")
    for k in outer:
        outer.note = f"el2n, seed {k}"
        for _ in bar(range(10), "training"):
            pass
    (shown,) = cell.outputs
    assert any("runs: 1 of 3, el2n, seed 1" in s and "training: 9 of 10" in s for s in shown)
    cell.end()
    assert shown[-1] == ""
    cell.execution_count = 2
    list(bar(range(2), "runs"))
    assert len(cell.outputs) == 2


def test_a_loop_that_was_stopped_is_cleared_with_its_cell_and_goes_on_where_it_was(cell):
    stopped = iter(bar(range(5), "training"))
    next(stopped)
    cell.end()
    assert cell.outputs[0][-1] == ""
    cell.execution_count = 2
    list(bar(range(3, 5), "training", done=3))
    assert "training: 3 of 5" in cell.outputs[1][0]
    assert 'value="3" max="5"' in cell.outputs[1][0]
    stopped.close()


def test_what_cannot_be_counted_is_told_too(cell):
    with busy("reading <a> key"):
        assert "reading &lt;a&gt; key" in cell.outputs[0][-1]
        assert "max" not in cell.outputs[0][-1]
    cell.end()
    assert cell.outputs[0][-1] == ""


def test_the_time_left_is_of_what_was_done_in_this_try(monkeypatch):
    one = bar(range(20, 100), "training", done=20)
    monkeypatch.setattr(progress.time, "monotonic", lambda: one.left.began + 10)
    one.done = 40
    one.left.tell(40)
    assert str(one) == "training: 40 of 100, 30 s left"


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until it is moved."""
    now = [1000.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    monkeypatch.setattr("tqdm.std.time", lambda: now[0])

    def move(seconds):
        now[0] += seconds

    return move


def test_what_is_fetched_tells_nothing_of_the_time_left(clock):
    """After 100 fetched runs the first one of a minute left 33 s for 55 of them."""
    left = TimeLeft(156, fetched=FETCHED)
    assert left.seconds is None
    for done in range(1, 101):
        clock(0.01)
        left.tell(done)
    assert left.seconds == pytest.approx(0.01 * 56)  # nothing else is known
    clock(60)
    left.tell(101)
    left.tell(101)  # said twice
    assert left.pace == 60
    assert left.seconds == 60 * 55
    clock(0.01)
    left.tell(102)
    clock(30)
    left.tell(103)
    assert left.seconds == 45 * 53
    all_made = TimeLeft(10, done=4)
    clock(0.2)
    all_made.tell(6)
    assert all_made.seconds == pytest.approx(0.1 * 4)


@pytest.mark.parametrize("where", ["terminal", "notebook"])
def test_a_grids_bar_tells_the_time_of_the_runs_to_be_made(
    where, clock, request, monkeypatch, capfd
):
    shell = request.getfixturevalue("cell") if where == "notebook" else None
    monkeypatch.setenv("RDC_INTERACTIVE", "1")
    for k in bar(range(60), "runs", fetched=FETCHED):
        clock(0.01 if k < 50 else 120)
    told = " ".join(shell.outputs[0]) if shell else capfd.readouterr().err
    assert "18 min left" in told  # nine of two minutes, where it said 21 s
    assert "21 s left" not in told
