"""Explorers: pictures with known answers, controls without a browser, the sheet, the monitor."""

import json
import os
import subprocess
import sys
import time

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch

import rdc_kit as rdc
from rdc_kit.augment.boxes import cell_boxes
from rdc_kit.ground import store
from rdc_kit.study.analyses import entropy
from rdc_kit.study.explorers import browser, canvas, renders, widgets
from rdc_kit.study.grid import monitor
from rdc_kit.study.grid.experiments import Bench, grid, run_cells

from .conftest import colour_blocks


@pytest.fixture
def live(monkeypatch):
    monkeypatch.setenv("RDC_INTERACTIVE", "1")


@pytest.fixture
def pool():
    return colour_blocks(per_class=20, classes=3, size=16)


@pytest.fixture
def scores(pool):
    """Row k of the pool has difficulty 100 - k: the last images of a class are the easiest."""
    return rdc.Scores("el2n", 100 - torch.arange(len(pool)).float(), pool.row_ids)


class Doubtful:
    """An observer whose logits are the mean of each channel."""

    name = "mean colour"

    def logits(self, inputs, traits):
        return inputs.mean((2, 3))


def tile(drawn, block, k):
    left, top = block.corner(k)
    return drawn[top : top + block.side, left : left + block.side]


@pytest.fixture
def blocks_painted(monkeypatch):
    """The blocks that a render hands to the painter, and the pixels that come of them."""
    seen = []
    original = renders.paint

    def paint(blocks, *where, **more):
        seen[:] = blocks
        return original(blocks, *where, **more)

    monkeypatch.setattr(renders, "paint", paint)
    return seen


def texts(figure):
    return [t.get_text() for ax in figure.axes for t in ax.texts]


def test_a_window_picks_its_ranks_and_the_composite_is_combines(pool, scores, blocks_painted):
    figure = renders.render_composite(pool, scores, "1", (3, 10), 2, "sequential")
    easy = rdc.select(pool, scores, per_class=10, order="easy")
    mine = easy[easy.rows_of(1)[2:10]]
    alone = rdc.from_tensors(mine.images, torch.zeros(8), row_ids=mine.row_ids)
    made = rdc.combine(alone, 2, "sequential")
    originals, composites = blocks_painted
    assert torch.equal(composites.images, made.images)
    assert torch.equal(originals.images, mine.images[:4])
    assert originals.captions == ["rank 3", "rank 4", "rank 5", "rank 6"]
    drawn = canvas.pixels(figure)
    one = tile(drawn, composites, 1)  # 208 px: 13 per pixel of 16, but for the seams
    expected = made.images[1].permute(1, 2, 0).numpy()
    assert np.array_equal(one[6::13, 6::13], expected)


def test_groupings_differ_and_show_which_ranks_share_a_composite(pool, scores, blocks_painted):
    renders.render_composite(pool, scores, "0", (1, 8), 2, "rank_block")
    assert blocks_painted[0].captions == ["rank 1", "rank 3", "rank 5", "rank 7"]
    renders.render_composite(pool, scores, "0", (1, 8), 2, "random")
    assert len(set(blocks_painted[0].captions)) == 4


@pytest.mark.parametrize(
    ("window", "cells", "expected"),
    [
        ((5, 8), 4, [5, 6, 7, 8]),
        ((7, 7), 1, [7]),
        ((1, 100), 1, [1, 34, 67, 100]),
        ((1, 9), 9, list(range(1, 10))),
    ],
)
def test_ranks_spread_over_the_whole_window(window, cells, expected):
    assert renders.chosen_ranks(window, cells).tolist() == expected


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"name": "9"}, "no class '9'"),
        ({"window": (1, 3)}, "ranks 1 to 3 are 3, a composite needs 4"),
        ({"window": (18, 21)}, "has 20 images, rank 21"),
        ({"grouping": "best"}, "unknown grouping 'best'"),
    ],
)
def test_a_bad_composite_is_refused(pool, scores, state, message):
    good = {"name": "0", "window": (1, 4), "grid": 2}
    with pytest.raises(ValueError, match=message):
        renders.render_composite(pool, scores, **(good | state))


def test_the_entropy_written_is_that_of_the_views_drawn(pool, blocks_painted):
    stored = rdc.combine(rdc.select(pool, per_class=4, order="random"), 2)
    observer = Doubtful()
    figure = renders.render_views(stored, 1, "shuffled", 0.3, 0.5, draw=7, observer=observer)
    inputs = renders.draw_views(stored, 1, "shuffled", 0.3, 0.5, True, 7)
    expected = entropy.shannon(inputs.mean((2, 3)))
    views = blocks_painted[1]
    assert views.captions == [f"{value:.3f} nats" for value in expected.tolist()]
    assert f"mean entropy {expected.mean():.3f} nats" in texts(figure)
    assert "(0: certain; 1.10: all classes alike)" in texts(figure)
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (stored.traits.mean, stored.traits.std))
    assert torch.allclose((views.images / 255 - mean) / std, inputs, atol=0.02)


def test_extracted_views_stay_in_a_cell_and_shuffled_ones_do_not():
    """Four cells of one colour each: an extracted view has one colour."""
    image = torch.zeros(1, 3, 16, 16, dtype=torch.uint8)
    for k, (y, x, h, w) in enumerate(cell_boxes(16, 2).tolist()):
        image[..., y : y + h, x : x + w] = 60 * (k + 1)
    flat = rdc.from_tensors(image, torch.zeros(1), grid=(2, 2), members=torch.arange(4)[None])
    extracted = renders.draw_views(flat, 0, "extracted", 0.2, 0.0, False, 0)
    shuffled = renders.draw_views(flat, 0, "shuffled", 0.9, 0.0, False, 0)
    assert extracted.flatten(2).std(2).max() < 1e-4
    assert shuffled.flatten(2).std(2).min() > 0.1


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"view": "inside"}, "unknown view 'inside'"),
        ({"low": 0.0}, "crop scale"),
        ({"cutout": 2.0}, "cutout"),
        ({"index": 60}, "image 60 was asked for, there are 60"),
    ],
)
def test_a_bad_view_is_refused(pool, state, message):
    with pytest.raises(ValueError, match=message):
        renders.render_views(pool, **state)


def test_a_range_of_scores_shows_images_of_that_range(pool, scores, blocks_painted):
    both = {"el2n": scores, "aum": rdc.Scores("aum", -scores.values, pool.row_ids)}
    figure = renders.render_scores(pool, both, "el2n", (0.0, 5.0), "aum")
    (block,) = blocks_painted
    assert torch.equal(block.images, pool.images[[59, 58, 57, 56]])  # 41, 42, 43, 44 of 41..100
    assert block.title.startswith("4 of the 4 images (7 %) between percentile 0 and 5")
    assert figure.axes[1].get_title() == "Spearman's rank correlation -1.00"
    first, second = (
        renders.render_scores(pool, both, "el2n", (0.0, 100.0), draw=k) for k in (0, 1)
    )
    assert not np.array_equal(canvas.pixels(first), canvas.pixels(second))


def test_ties_are_shown_whole():
    values = np.array([0.0] * 50 + [1.0, 2.0])
    assert renders.score_range(values, (0, 10)) == (0.0, 0.0)
    assert renders.score_range(values, (0, 100)) == (0.0, 2.0)
    with pytest.raises(ValueError, match="percentiles must be"):
        renders.score_range(values, (20, 10))


def some_runs():
    rows = [
        (method, family, labels, ipc, top1 + seed)
        for method, family, base in (("random", "baseline", 30), ("pca", "pca", 40))
        for labels, more in (("hard", 0), ("soft", 20))
        for ipc, top1 in ((1, base + more - 10), (10, base + more))
        for seed in (0, 2)
    ]
    table = pd.DataFrame(rows, columns=["method", "family", "labels", "ipc", "top1"])
    same = {"dataset": "blocks", "size": 16, "student": "convnet2-w8", "image_bytes": 1000}
    table = table.assign(**same, arm=table["method"], protocol=table["labels"])
    return table.assign(label_bytes=100, seconds=2.0)


def published_numbers():
    rows = [("pca", "hard", "10", 22.8, "second-hand"), ("random", "hard", "10", 4.6, "exact")]
    table = pd.DataFrame(rows, columns=["method", "labels", "ipc", "top1", "status"])
    return table.assign(dataset="imagenet-1k")


def test_the_benchmark_is_filtered_sorted_and_put_beside_the_published():
    lines = browser.benchmark_lines(some_runs(), published_numbers(), labels="hard", ipc=10)
    assert lines["arm"].tolist() == ["pca", "random"]
    assert lines["top1"].tolist() == [41, 31]
    assert lines["n"].tolist() == [2, 2]
    assert lines["sd"].tolist() == pytest.approx([2**0.5] * 2)
    assert lines["published"].tolist() == [22.8, 4.6]
    one = browser.benchmark_lines(some_runs(), published_numbers(), ipc=1, family="pca")
    assert one["published"].isna().all()
    moved = browser.benchmark_lines(
        some_runs(), published_numbers(), ipc=1, sort="published accuracy", published_ipc="10"
    )
    assert moved["published"].tolist()[:2] == [22.8, 4.6]
    assert moved["ipc"].tolist() == [1] * 4


def test_the_benchmarks_picture_writes_the_numbers():
    figure = browser.render_benchmark(some_runs(), published_numbers(), ipc=10, labels="hard")
    written = " ".join(texts(figure))
    assert " 41.0 ± 1.4   2    22.8" in written
    assert [t.get_text() for t in figure.axes[0].get_yticklabels()] == ["PCA", "Random"]
    with pytest.raises(ValueError, match="no run with family 'pca', labels 'hard' and ipc 3"):
        browser.render_benchmark(some_runs(), family="pca", labels="hard", ipc=3)
    with pytest.raises(ValueError, match="unknown order 'best'"):
        browser.render_benchmark(some_runs(), sort="best")


def parts(box):
    """Controls by description, the picture and the message of a live explorer."""
    panel, picture, told = box.children
    return {knob.description: knob for knob in panel.children}, picture, told


def explorers(pool, scores):
    return {
        "composite": lambda: widgets.composite_builder(pool, scores),
        "view": lambda: widgets.view_explorer(
            rdc.combine(rdc.select(pool, scores, 4), 2), Doubtful(), pool
        ),
        "score": lambda: widgets.score_explorer(pool, {"el2n": scores}),
        "benchmark": lambda: widgets.benchmark_browser(some_runs(), published_numbers()),
    }


MOVES = {
    "composite": ("ranks, easy to hard", (5, 20)),
    "view": ("smallest crop (area)", 0.02),
    "score": ("percentiles", (50, 60)),
    "benchmark": ("family", "pca"),
}


@pytest.mark.parametrize("kind", MOVES)
def test_a_control_changes_the_picture_and_no_figure_stays(pool, scores, live, kind):
    box = explorers(pool, scores)[kind]()
    assert "rdc-explorer" in box._dom_classes
    knobs, picture, told = parts(box)
    before = bytes(picture.value)
    assert before.startswith(b"\x89PNG")
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


def test_an_error_is_seen_and_goes_away(pool, scores, live):
    knobs, picture, told = parts(widgets.composite_builder(pool, scores))
    before = bytes(picture.value)
    knobs["ranks, easy to hard"].value = (1, 2)
    assert "ValueError: ranks 1 to 2 are 2, a composite needs 4" in told.value
    assert "rdc-error" in told.value
    assert bytes(picture.value) == before
    knobs["ranks, easy to hard"].value = (1, 4)
    assert told.value == ""
    assert bytes(picture.value) != before


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


def small_grid(pool, exact):
    bench = Bench(pool, colour_blocks(per_class=5, seed=1), exact)
    return grid(bench, ["random"], [1, 2], [rdc.protocols.hard(epochs=2)], seeds=2), bench


def test_a_grid_says_how_far_it_is_and_that_it_ended(pool, exact, fresh_home, monkeypatch):
    cells, bench = small_grid(pool, exact)
    seen = []
    monkeypatch.setenv("RDC_RUN_DIR", "/somewhere/05_mine-1a2b")
    run_cells(cells, bench, tell=lambda done: seen.append(monitor.progress().iloc[0]))
    assert {(row["name"], row["status"], row["total"]) for row in seen} == {
        ("05_mine-1a2b", "running", 4)
    }
    (ended,) = monitor.progress().to_dict("records")
    assert (ended["status"], ended["done"], ended["total"]) == ("ended", 4, 4)
    assert pd.isna(ended["seconds_left"])


def test_a_grid_that_fails_is_seen_as_stopped_with_its_error(pool, exact, fresh_home, monkeypatch):
    cells, bench = small_grid(pool, exact)

    def broken(cell):
        raise RuntimeError("out of luck")

    monkeypatch.setattr(bench, "run", broken)
    with pytest.raises(RuntimeError, match="out of luck"):
        run_cells(cells, bench)
    (row,) = monitor.progress().to_dict("records")
    assert (row["status"], row["done"]) == ("stopped", 0)
    assert row["note"] == "RuntimeError: out of luck"


def test_a_killed_grid_is_seen_from_another_process(fresh_home):
    code = (
        "import time\nfrom rdc_kit.study.grid import monitor\n"
        "with monitor.reported(8) as tell:\n"
        "    tell(2, 'easiest')\n    time.sleep(60)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", code], env=dict(os.environ))
    limit = time.monotonic() + 60
    while time.monotonic() < limit:
        found = monitor.progress()
        if len(found) and found.loc[0, "done"] == 2:
            break
        time.sleep(0.1)
    assert (found.loc[0, "status"], found.loc[0, "note"]) == ("running", "easiest")
    assert found.loc[0, "seconds_left"] >= 0
    child.kill()
    child.wait()
    assert monitor.progress().loc[0, "status"] == "interrupted"


def test_the_seconds_left_are_those_of_the_runs_that_were_made():
    """Six runs fetched at once and two that took 10 s each: the other two take 20 s, not 5."""
    facts = {"name": "x", "pid": os.getpid(), "host": None, "status": "running", "arm": "a"}
    facts |= {"done": 8, "total": 10, "pace": 10.0}
    facts |= {"began": "2026-01-01T00:00:00+00:00", "said": "2026-01-01T00:00:20+00:00"}
    assert monitor._grid_row(facts)["seconds_left"] == 20
    assert monitor._grid_row(facts | {"pace": None})["seconds_left"] == 5


def test_the_monitor_lists_grids_and_notebooks_and_refreshes(fresh_home, live):
    with monitor.reported(3) as tell:
        tell(1, "hardest")
    folder = fresh_home / "data" / "runs" / "notebooks" / "00_start_here-12ab"
    gone = {"status": "running", "pid": 2**22 + 1, "started": store.now()}
    store.write_json(folder / "manifest.json", gone)
    table = monitor.status().set_index("kind")
    assert table.loc["notebook", "status"] == "interrupted"
    assert table.loc["grid", ["done", "total"]].tolist() == [1, 3]
    box = widgets.run_monitor()
    (button, clock, _), told = box.children[0].children, box.children[1]
    assert "00_start_here-12ab" in told.value
    store.write_json(folder / "manifest.json", gone | {"status": "failed", "error": "no luck"})
    assert "no luck" not in told.value
    button.click()
    assert "no luck" in told.value
    store.write_json(folder / "manifest.json", gone | {"status": "ok"})
    clock.value = 1
    assert "<td>ok</td>" in told.value


def test_the_monitor_is_a_table_when_nobody_watches(fresh_home):
    assert list(widgets.run_monitor().columns) == monitor.COLUMNS
    assert len(monitor.status()) == 0


def test_old_records_are_forgotten(fresh_home):
    old = fresh_home / "data" / "runs" / "progress" / "elsewhere-1.json"
    with monitor.reported(1):
        pass
    old.write_text(json.dumps({"name": "old"}))
    os.utime(old, (0, 0))
    with monitor.reported(1):
        pass
    assert not old.exists()
    assert len(monitor.progress()) == 1
