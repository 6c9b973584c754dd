"""Rows: what was tried, what was measured, and which trials are the same."""

from dataclasses import replace

import pandas as pd
import pytest

import rdc_kit as rdc
from rdc_kit.ground import locks, store
from rdc_kit.ground.folders import runs_dir
from rdc_kit.study.grid import rows
from rdc_kit.study.grid.arms import Arm, method_arms
from rdc_kit.study.grid.experiments import Experiment, plan_trials
from rdc_kit.study.grid.setups import Seeds, Trial

from ..conftest import HARD1, large_setup, small_setup

ARMS = [
    Arm("random"),
    Arm("noise"),
    Arm("el2n", {"order": "hard"}),
    Arm("ccs"),
    Arm("pca", {"grid": (1, 2)}, {"view": "shuffle", "crop": (0.25, 1.0)}),
    Arm("pca", {"order": "random"}, {"cutout": 0.5}),
    Arm("sre2l"),
    Arm("rded"),
]


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """Rows of a few arms by key, hard and soft; scoring, teacher, set and training seeds differ."""
    setup = large_setup(profile="smoke")
    setup.options["drawn"] = 20
    seeds = Seeds(scoring=1, teacher=2, set=3, training=4)
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RDC_HOME", str(tmp_path_factory.mktemp("rows")))
        for protocol in (HARD1, rdc.protocols.soft(epochs=1)):
            for arm in ARMS if protocol is HARD1 else ARMS[:1]:
                trial = Trial(arm, 2, protocol.but(**arm.protocol), "convnet2-w8", 9, seeds)
                found[arm.key, protocol.name] = rows.row_of(trial, setup)
    return found


def test_every_column_is_there_and_no_other(measured):
    for key, row in measured.items():
        assert set(row) == set(rows.COLUMNS), key
    assert len(set(rows.COLUMNS)) == len(rows.COLUMNS)
    assert set(rows.ARM_COLUMNS + rows.SEED_COLUMNS) < set(rows.COLUMNS)


@pytest.mark.parametrize(
    ("key", "protocol", "expected"),
    [
        ("random", "hard", [9, None, None, 3, 4]),
        ("random", "soft", [9, None, 2, 3, 4]),
        ("noise", "hard", [9, None, None, 3, 4]),
        ("el2n order=hard", "hard", [9, 1, None, 3, 4]),
        ("ccs", "hard", [9, 1, None, 3, 4]),
        ("pca cutout=0.5 order=random", "hard", [9, None, None, 3, 4]),
        ("pca crop=0.25 grid=1x2 view=shuffle", "hard", [9, 1, None, 3, 4]),
        ("sre2l", "hard", [9, None, 2, 3, 4]),
        ("rded", "hard", [9, None, 2, 3, 4]),
    ],
)
def test_the_seeds_say_which_layers_there_are(measured, key, protocol, expected):
    row = measured[key, protocol]
    assert [row[name] for name in rows.SEED_COLUMNS] == expected


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (
            "random",
            {"family": "baseline", "order": "random", "metric": "", "grid": "1x1", "grouping": "",
             "originals_per_class": 2, "iterations": None, "view": "whole", "crop_low": 0.5,
             "crop_high": 1.0, "cutout": 0.0, "mix": "none", "loss": "ce", "make_seconds": 0.0},
        ),
        ("noise", {"order": "", "metric": "", "originals_per_class": 0}),
        ("el2n order=hard", {"method": "el2n", "order": "hard", "metric": "el2n", "ipc": 2}),
        ("ccs", {"order": "ccs", "metric": "aum_prob", "family": "pruning"}),
        (
            "pca crop=0.25 grid=1x2 view=shuffle",
            {"method": "pca", "pool": "", "order": "easy", "metric": "el2n", "grid": "1x2",
             "grouping": "rank_block", "budget": 2, "ipc": 2, "originals_per_class": 4,
             "view": "shuffle", "crop_low": 0.25, "crop_high": 1.0},
        ),
        ("pca cutout=0.5 order=random", {"metric": "", "view": "cell", "cutout": 0.5}),
        ("sre2l", {"iterations": 3, "order": "", "metric": "", "originals_per_class": 0}),
        ("rded", {"iterations": None, "family": "distillation-real"}),
    ],
)  # fmt: skip
def test_the_columns_of_an_arm_are_known(measured, key, expected):
    row = measured[key, "hard"]
    assert {name: row[name] for name in expected} == expected
    same = {"dataset": "blocks", "size": 16, "profile": "smoke", "labels": "hard", "epochs": 1}
    same |= {"arm": key, "protocol": "hard", "student": "convnet2-w8", "precision": "fp32"}
    same |= {"teacher": "", "teacher_top1": None, "budget": 2, "label_bytes": 6}
    assert {name: row[name] for name in same} == same
    assert row["views"] == row["steps"] * row["batch"]
    assert len(row["per_class"].split()) == 3


def test_soft_labels_name_their_teacher_and_its_accuracy(measured):
    row = measured["random", "soft"]
    assert (row["labels"], row["teacher"]) == ("soft", "convnet2-w8-bn")
    assert row["teacher_top1"] > 80
    assert row["set_hash"] == measured["random", "hard"]["set_hash"]
    assert row["run_hash"] != measured["random", "hard"]["run_hash"]


def test_only_what_is_recovered_or_cropped_takes_time_to_make(measured):
    for (key, _), row in measured.items():
        assert row["make_seconds"] >= 0
        assert key in ("sre2l", "rded") or row["make_seconds"] == 0, key


def test_what_making_and_training_took_is_told(fresh_home, monkeypatch):
    setup = small_setup()
    (trial,) = plan_trials(setup, [Arm("random")], 2, [HARD1], 1)
    made = setup.set_of(trial)
    made = replace(made, provenance=made.provenance | {"make_seconds": 12.3})
    monkeypatch.setattr(setup, "set_of", lambda *_: made)
    evaluate = rows.evaluate

    def in_two_seconds(*arguments, **settings):
        result = evaluate(*arguments, **settings)
        result.rows[0]["seconds"] = 2.0
        return result

    monkeypatch.setattr(rows, "evaluate", in_two_seconds)
    row = rows.row_of(trial, setup)
    assert (row["make_seconds"], row["seconds"]) == (12.3, 2.0)
    assert row["images_per_second"] == row["views"] / 2 > row["steps"]


def test_the_literal_reading_stores_less_than_its_budget(fresh_home):
    arm = Arm("pca", {"originals_per_class": 4})
    row = rows.row_of(plan_trials(large_setup(), [arm], 4, [HARD1], 1)[0], large_setup())
    assert (row["budget"], row["ipc"], row["originals_per_class"]) == (4, 1, 4)


def test_another_set_or_protocol_is_another_run(fresh_home):
    def name(setup, protocol=HARD1, seed=0, arm=Arm("random")):  # noqa: B008
        trial = Trial(arm, 1, protocol, "convnet2-w8", seed, Seeds(training=seed))
        return store.config_hash(rows.trial_config(trial, setup))

    setup = small_setup()
    names = [
        name(setup),
        name(small_setup(pool=setup.pool[:20])),
        name(small_setup(test=setup.test[:10])),
        name(setup, HARD1.but(cutout=0.5)),
        name(setup, seed=1),
        name(setup, arm=Arm("noise")),
    ]
    assert len(set(names)) == len(names)
    assert name(setup, arm=Arm("random", {}, {"view": "whole"})) == names[0]


def test_the_name_of_a_run_is_its_folder(fresh_home):
    setup = small_setup()
    (trial,) = plan_trials(setup, [Arm("random")], 1, [HARD1], 1)
    assert not rows.is_measured(trial, setup)
    row = rows.row_of(trial, setup)
    assert rows.is_measured(trial, setup)
    assert (runs_dir("train") / row["run_hash"] / "result.json").is_file()
    assert not list(fresh_home.rglob("checkpoint.npz"))


def test_what_somebody_else_trains_is_told_to_who_will_not_wait(fresh_home):
    setup = small_setup()
    (trial,) = plan_trials(setup, [Arm("random")], 1, [HARD1], 1)
    home = runs_dir("train") / store.config_hash(rows.trial_config(trial, setup))
    with locks.lock(home, "it"), pytest.raises(locks.Locked):
        rows.row_of(trial, setup, wait=False)


def test_an_extra_adds_its_columns_and_makes_it_another_run(fresh_home):
    setup = small_setup()
    trials = plan_trials(setup, [Arm("random")], 1, [HARD1], 1)

    def counts(model, test):
        return {"weights": sum(p.numel() for p in model.parameters()), "images": len(test)}

    extra = rows.Extra(("weights", "images"), counts, {"level": 2})
    table = Experiment(setup, trials, extra=extra).measure()
    assert list(table.columns) == [*rows.COLUMNS, "weights", "images"]
    assert table["weights"][0] > 100
    assert table["images"][0] == len(setup.test)
    assert rows.is_measured(trials[0], setup, extra)
    assert not rows.is_measured(trials[0], setup)
    assert not rows.is_measured(trials[0], setup, rows.Extra(extra.columns, counts, {"level": 3}))


def test_the_same_set_under_two_protocols_gives_two_rows(fresh_home):
    """C17: the protocol alone moves the number; each method's own is there to show it."""
    setup = small_setup()
    named = [rdc.protocols.named(n).but(epochs=3) for n in ("sre2l", "rded", "gvbsm", "lpld")]
    table = Experiment(setup, plan_trials(setup, method_arms(["rded"]), 2, named, 1)).measure()
    mine = table[table["method"] == "rded"]
    assert list(mine["protocol"]) == ["sre2l", "rded", "gvbsm", "lpld"]
    assert list(mine["view"]) == ["whole", "shuffle", "whole", "whole"]
    assert mine["set_hash"].nunique() == 1
    assert mine["run_hash"].nunique() == 4
    assert mine["teacher"].iloc[2].count(",") == 3  # four networks answer together
    assert mine["label_bytes"].iloc[3] == 6 * 1 * 31  # one epoch's labels of three


def test_rows_survive_the_way_to_disk(measured, tmp_path):
    table = pd.DataFrame(measured.values())[rows.COLUMNS]
    table.to_csv(tmp_path / "runs.csv", index=False)
    again = pd.read_csv(tmp_path / "runs.csv")
    assert list(again.columns) == rows.COLUMNS
    assert again["top1"].tolist() == pytest.approx(table["top1"].tolist())
