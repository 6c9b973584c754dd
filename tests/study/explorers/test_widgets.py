"""Controls without a browser, and the sheet where nobody watches."""

from dataclasses import replace

import ipywidgets
import matplotlib.pyplot as plt
import pytest

import rdc_kit as rdc
from rdc_kit.ground import files
from rdc_kit.study.explorers import canvas, widgets
from rdc_kit.study.grid import monitor

from ...conftest import colour_blocks
from ..conftest import EXACT
from .conftest import Doubtful, published_numbers, some_runs, texts


def parts(box):
    """Controls by description, the picture and the message of a live explorer."""
    panel, told, frame = box.children
    return {knob.description: knob for knob in panel.children}, frame.children[0], told


def explorers(pool, scores):
    return {
        "composite": lambda: widgets.composite_builder(pool, scores),
        "view": lambda: widgets.view_explorer(
            rdc.combine(rdc.select(pool, scores, 4), 2), Doubtful()
        ),
        "score": lambda: widgets.score_explorer(
            pool, {"el2n": scores, "aum": rdc.Scores("aum", -scores.values, pool.row_ids)}
        ),
        "benchmark": lambda: widgets.benchmark_browser(some_runs(), published_numbers()),
    }


MOVES = {
    "composite": ("ranks", (5, 20)),
    "view": ("smallest crop", 0.02),
    "score": ("percentiles", (50, 60)),
    "benchmark": ("family", "pca"),
}


@pytest.mark.parametrize("kind", MOVES)
def test_a_control_changes_the_picture_and_no_figure_stays(pool, scores, live, kind):
    box = explorers(pool, scores)[kind]()
    assert "rdc-explorer" in box._dom_classes
    knobs, picture, told = parts(box)
    before = bytes(picture.value)
    assert before.startswith(b"\xff\xd8")
    name, value = MOVES[kind]
    knobs[name].value = value
    assert bytes(picture.value) != before
    assert told.value == ""
    assert plt.get_fignums() == []


@pytest.mark.parametrize("kind", MOVES)
def test_every_choice_of_every_control_can_be_drawn(pool, scores, live, kind):
    knobs, _, told = parts(explorers(pool, scores)[kind]())
    for knob in knobs.values():
        start = knob.value
        if isinstance(knob, ipywidgets.Dropdown):
            choices = knob.options
        else:
            choices = [knob.min, knob.max] if not isinstance(start, tuple | bool) else []
        for choice in choices:
            knob.value = choice[1] if isinstance(choice, tuple) else choice
            assert told.value == "", f"{knob.description}={choice}: {told.value}"
        knob.value = start


def test_a_set_that_may_not_be_flipped_begins_without(pool, live):
    for flip in (True, False):
        knobs, *_ = parts(
            widgets.view_explorer(replace(pool, traits=replace(pool.traits, flip=flip)))
        )
        assert (knobs["flip"].value, knobs["flip"].disabled) == (flip, not flip)


def test_an_error_is_seen_and_goes_away(pool, scores, live):
    box = widgets.composite_builder(pool, scores)
    knobs, picture, told = parts(box)
    before = bytes(picture.value)
    knobs["ranks"].value = (1, 2)
    assert ">ranks 1 to 2 are 2, a composite needs 4" in told.value
    assert "rdc-error" not in told.value  # a state that has no picture is no fault
    assert bytes(picture.value) == before
    assert "rdc-old" in box.children[2]._dom_classes
    knobs["ranks"].value = (1, 4)
    assert told.value == ""
    assert "rdc-old" not in box.children[2]._dom_classes
    assert bytes(picture.value) != before


def test_a_fault_of_ours_is_marked_as_one(live):
    def render():
        raise RuntimeError("out of <luck>")

    box = widgets.explore(render, lambda state: {}, [{}])
    assert "rdc-error" in box.children[1].value
    assert "RuntimeError: out of &lt;luck&gt;" in box.children[1].value


def test_names_of_any_kind_are_drawn_and_escaped(fresh_home, live):
    names = ("<script>$\\frac{1}$", "../x", "two\nlines")
    pool = replace(colour_blocks(20), classes=names)
    box = widgets.composite_builder(pool, rdc.el2n(pool, epochs=1, runtime=EXACT))
    controls, picture, told = parts(box)
    for name in names:
        controls["class"].value = name
        assert told.value == ""
        assert bytes(picture.value).startswith(b"\xff\xd8")
    with monitor.reported(1) as tell:
        tell(0, names[0])
        assert "<script" not in monitor.as_html(monitor.status())


def test_a_quick_picture_is_shown_until_the_slow_one_is_ready(pool, scores, live):
    seen = []
    stored = rdc.combine(rdc.select(pool, scores, 4), 2)
    box = widgets.view_explorer(stored, Doubtful())
    knobs, picture, _ = parts(box)
    picture.observe(lambda change: seen.append(change["new"]), "value")
    knobs["another draw"].value = 3
    assert len(seen) == 2
    without = parts(widgets.view_explorer(stored))
    without[0]["another draw"].value = 3
    assert bytes(seen[0]) == bytes(without[1].value)


def test_a_render_that_uses_pyplot_leaves_no_figure(live):
    def render(level):
        figure, ax = plt.subplots()
        ax.axhline(level)
        return figure

    def controls(state):
        return {"level": ipywidgets.IntSlider(state["level"])}

    before = plt.get_fignums()
    box = widgets.explore(render, controls, [{"level": 1}])
    for level in range(5):
        box.children[0].children[0].value = level
    assert plt.get_fignums() == before


@pytest.mark.parametrize("kind", MOVES)
def test_headless_is_one_figure_that_makes_no_widget(pool, scores, monkeypatch, kind):
    made = []
    monkeypatch.setattr(ipywidgets.Widget, "open", lambda self: made.append(self))
    figure = explorers(pool, scores)[kind]()
    assert isinstance(figure, plt.Figure)
    assert made == []
    assert plt.get_fignums() == []
    drawn = canvas.pixels(figure)
    assert drawn.shape[0] > 300
    assert (drawn < 250).any(axis=2).mean() > 0.02


def test_a_sheet_holds_the_pictures_of_its_states_and_raises_their_errors():
    def render(shade):
        if shade > 9:
            raise ValueError("too dark")
        figure = canvas.new_figure(40)
        figure.set_facecolor((shade / 10,) * 3)
        return figure

    figure = widgets.explore(render, dict, [{"shade": 2}, {"shade": 6}])
    assert texts(figure) == ["shade 2", "shade 6"]
    drawn = canvas.pixels(figure)
    assert {51, 153} <= set(drawn[:, 500, 0].tolist())
    with pytest.raises(ValueError, match="too dark"):
        widgets.explore(render, dict, [{"shade": 10}])


def test_the_monitor_lists_grids_and_notebooks_and_refreshes(fresh_home, live):
    with monitor.reported(3) as tell:
        tell(1, "hardest")
    folder = fresh_home / "data" / "runs" / "notebooks" / "00_start_here-12ab"
    gone = {"status": "running", "pid": 2**22 + 1, "started": files.now()}
    files.write_json(folder / "manifest.json", gone)
    table = monitor.status().set_index("kind")
    assert table.loc["notebook", "status"] == "interrupted"
    assert table.loc["grid", ["done", "total"]].tolist() == [1, 3]
    box = widgets.run_monitor()
    (button, clock, _), told = box.children[0].children, box.children[1]
    assert "00_start_here-12ab" in told.value
    files.write_json(folder / "manifest.json", gone | {"status": "failed", "error": "no luck"})
    assert "no luck" not in told.value
    button.click()
    assert "no luck" in told.value
    files.write_json(folder / "manifest.json", gone | {"status": "ok"})
    clock.value = 1
    assert "<td>ok</td>" in told.value


def test_the_monitor_is_a_table_when_nobody_watches(fresh_home):
    with monitor.reported(3, "runs") as tell:
        tell(1, "hardest")
    (row,) = widgets.run_monitor().to_dict("records")
    assert (row["runs"], row["time left"], row["name"]) == ("1 of 3", "", "runs")
