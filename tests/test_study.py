"""Comparisons, statistics, published numbers and figures."""

import json
import multiprocessing
import re

import numpy as np
import pandas as pd
import pytest
from scipy import stats as reference

import rdc_kit as rdc
from rdc_kit.ground import store
from rdc_kit.study.figures import base as figures
from rdc_kit.study.grid import arms, experiments
from rdc_kit.study.grid import rows as runs
from rdc_kit.study.verdicts import published, stats

from .conftest import colour_blocks

ARMS = [
    arms.Arm("random", "random"),
    arms.Arm("extracted", "pca", {"order": "random"}, "cell"),
]


def small_compare(seeds=2, runtime=None):
    pool, test = colour_blocks(per_class=8), colour_blocks(seed=0)
    protocol = rdc.protocols.hard(epochs=2)
    return experiments.compare(ARMS, pool, test, 2, seeds, protocol, runtime=runtime)


def test_a_comparison_is_tidy_and_made_once(fresh_home, exact, monkeypatch):
    table = small_compare(runtime=exact)
    assert list(table.columns) == runs.COLUMNS
    assert list(table["arm"]) == ["random", "extracted"] * 2
    assert list(table["seed"]) == [0, 0, 1, 1]
    assert table["config_hash"].nunique() == 4
    assert (table["views"] == table["steps"] * table["batch"]).all()
    assert (table["label_bytes"] == 6).all()
    assert (table["image_bytes"] > 6 * 100).all()
    monkeypatch.setattr(runs, "evaluate", None)  # a second training would fail
    pd.testing.assert_frame_equal(small_compare(runtime=exact), table)


def test_another_set_or_protocol_is_another_run(fresh_home, exact):
    pool, test = colour_blocks(per_class=8), colour_blocks(seed=0)
    protocol = rdc.protocols.hard(epochs=1)

    def name(stored, protocol, seed=0):
        return runs.train_once(stored, test, protocol, None, seed, exact)["config_hash"]

    names = [
        name(pool, protocol),
        name(pool[:20], protocol),
        name(pool, protocol.but(cutout=0.5)),
        name(pool, protocol, 1),
    ]
    assert len(set(names)) == 4


def _count_call(home):
    with (home.parent / "calls").open("a") as file:
        file.write("x")
    return {"value": 1}


def _cached_call(folder):
    store.cached(folder, {"a": 1}, _count_call)


def test_two_processes_make_a_run_once(tmp_path):
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_cached_call, args=(tmp_path,)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(300)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert (tmp_path / "calls").read_text() == "x"


def test_a_run_that_dies_leaves_no_result(tmp_path):
    def dies(home):
        raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power cut"):
        store.cached(tmp_path, {"a": 1}, dies)
    assert store.cached(tmp_path, {"a": 1}, lambda home: 7) == 7
    assert store.cached(tmp_path, {"a": 1}, dies) == 7


def test_t_interval_is_scipys():
    values = np.array([48.8, 47.7, 50.0])
    low, high = reference.t.interval(0.95, 2, values.mean(), reference.sem(values))
    assert stats.half_width(values) == pytest.approx((high - low) / 2)
    assert np.isnan(stats.half_width(values[:1]))


def toy(values):
    rows = [(arm, s, v) for arm, line in values.items() for s, v in enumerate(line)]
    return pd.DataFrame(rows, columns=["arm", "seed", "top1"])


def test_differences_are_paired_and_need_three_seeds():
    table = toy({"a": [50, 60, 70], "b": [48, 57.5, 67.9], "c": [70, 50, 61]})
    found = stats.differences(table, [("a", "b"), ("b", "a"), ("a", "c")])
    assert list(found["reading"]) == ["a is higher", "b is higher", "undecided"]
    result = reference.ttest_rel([50, 60, 70], [48, 57.5, 67.9]).confidence_interval()
    assert (found.low[0], found.high[0]) == pytest.approx((result.low, result.high), abs=1e-3)
    few = stats.differences(table[table["seed"] < 2], [("a", "b")])
    assert few.reading[0] == "not evidence"
    with pytest.raises(ValueError, match="no arm 'd'"):
        stats.differences(table, [("a", "d")])


def test_published_numbers_carry_status_and_source():
    table = published.published()
    assert len(table) > 80
    assert set(table["status"]) <= set(published.STATUS)
    assert table["source"].notna().all()
    assert table["top1"].between(0, 100).all()
    row = published.published(dataset="imagenet-1k", labels="hard", method="pca", ipc=10)
    assert (row["top1"][0], row["status"][0]) == (22.8, "second-hand")
    assert published.published(method="lpld", labels="hard").empty  # missing stays missing
    with pytest.raises(ValueError, match="no column 'label'"):
        published.published(label="hard")


def first_look(table):
    reference = published.published(dataset="imagenet-1k", labels="hard", protocol="rethinkdc")
    return figures.first_look(table, reference)


def test_figures_are_byte_identical_when_remade_and_embed_their_fonts(fresh_home, exact, tmp_path):
    figures.use_style()
    table = small_compare(runtime=exact)
    facts = {"seeds": [0, 1]}
    for name in ("one", "two"):
        figures.save_figure(first_look(table), "look", table, facts, tmp_path / name)
    for ending in ("pdf", "png", "csv", "json"):
        one, two = ((tmp_path / name / f"look.{ending}").read_bytes() for name in ("one", "two"))
        assert one == two, ending
    pdf = (tmp_path / "one" / "look.pdf").read_bytes()
    assert b"/Type3" not in pdf
    assert b"/FontFile2" in pdf
    saved = json.loads((tmp_path / "one" / "look.json").read_text())
    assert saved["seeds"] == [0, 1]
    assert "torch" in saved["versions"]
    numbers = pd.read_csv(tmp_path / "one" / "look.csv")
    assert numbers["top1"].tolist() == pytest.approx(table["top1"].tolist())


def test_a_failing_save_keeps_the_old_figure(tmp_path, monkeypatch):
    target = tmp_path / "table.csv"
    target.write_text("old")
    with pytest.raises(OSError, match="disk full"), store.atomic_path(target) as part:
        part.write_text("half of the n")
        raise OSError("disk full")
    assert target.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["table.csv"]


def test_the_figure_shows_every_seed_and_states_n(exact, fresh_home):
    figures.use_style()
    table = small_compare(runtime=exact)
    figure = first_look(table)
    left, right = figure.axes
    assert sum(len(c.get_offsets()) for c in left.collections) == len(table)
    assert "n = 2 seeds" in left.get_title(loc="left")
    assert "second-hand" in right.get_title(loc="left")
    text = " ".join(t.get_text() for t in left.texts)
    for mean in stats.summarise(table)["mean"]:
        assert re.search(rf"\b{mean:.1f}\b", text)


def test_galleries_draw_the_pixels_that_are_there(exact):
    pool = colour_blocks(per_class=8)
    stored = rdc.compress("pca", pool, 2, order="random")
    sheet = figures.show_images({"a": stored, "b": pool[:3]}, columns=5)
    drawn = [ax.images[0].get_array() for ax in sheet.axes if ax.images]
    assert len(drawn) == 5 + 3
    assert (drawn[0] == stored.images[0].permute(1, 2, 0).numpy()).all()
    gallery = figures.view_gallery(stored, columns=3)
    assert sum(len(ax.images) for ax in gallery.axes) == 3 * 4
