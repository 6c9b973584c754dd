"""Setups: the settings that arms share, names of sets that are not made yet, teachers."""

from dataclasses import replace

import pytest
import torch

import rdc_kit as rdc
from rdc_kit.data.imagesets import DataError
from rdc_kit.ground import locks
from rdc_kit.ground.folders import runs_dir
from rdc_kit.methods import METHODS, Method
from rdc_kit.prune.recorders import Scores
from rdc_kit.study.figures.names import arm_title
from rdc_kit.study.grid import setups
from rdc_kit.study.grid.arms import Arm
from rdc_kit.study.grid.experiments import plan_trials
from rdc_kit.study.grid.rows import tried
from rdc_kit.study.grid.setups import Seeds, Setup, Trial
from rdc_kit.train.teachers import Teacher

from ...conftest import colour_blocks
from ..conftest import EXACT, HARD1, large_setup, small_setup


def trial(arm, ipc=1, student="convnet2-w8", protocol=HARD1, **seeds):
    return Trial(arm, ipc, protocol, student, 0, Seeds(**seeds))


def test_an_arms_own_options_win_over_the_setups_and_these_over_the_methods():
    setup = small_setup(options={"iterations": 3, "grid": 3}, teacher="convnet2-w8-bn")
    assert setup.settings(Arm("pca"))["grid"] == 3
    assert setup.settings(Arm("pca", {"grid": 2}))["grid"] == 2
    assert "grid" not in setup.settings(Arm("el2n"))
    recovered = setup.settings(Arm("sre2l"), Seeds(teacher=4))
    assert recovered["iterations"] == 3
    assert (recovered["teacher"], recovered["teacher_epochs"]) == ("convnet2-w8-bn", 20)
    assert recovered["teacher_seed"] == 4
    assert recovered["lr"] is None  # the recipe's own


def test_a_teachers_name_is_one_network_in_every_arm(monkeypatch):
    """Soft labels came from the one with batch norm, RDED's crops from the one without."""
    plain, named = (small_setup(teacher=name) for name in ("convnet2-w32", "convnet2-w32-bn"))
    given = Arm("rded", {"teacher": "convnet1-w8"})
    for arm in (Arm("rded"), Arm("sre2l"), given):
        assert plain.settings(arm)["teacher"] in (*plain.networks(), "convnet1-w8-bn")
        assert plain.set_key(trial(arm)) == named.set_key(trial(arm))
    assert plain.settings(given)["teacher"] == "convnet1-w8-bn"
    with pytest.raises(ValueError, match="has layer norm, a teacher needs batch norm"):
        small_setup(teacher="swin_t")

    def made(pool, ipc, seed, runtime, *, teacher=None):
        return pool

    monkeypatch.setitem(METHODS, "mine", Method("mine", made, "baseline", "", "", ""))
    assert plain.settings(Arm("mine"))["teacher"] == "convnet2-w32-bn"
    assert plain.settings(Arm("mine", {"teacher": "of my own"}))["teacher"] == "of my own"


def test_a_trial_is_taught_by_its_labels_or_where_its_method_takes_a_teacher(monkeypatch):
    """It was read from what the method's line says for people."""
    taught = {name: trial(Arm(name)).taught for name in METHODS}
    assert taught == {name: "teacher" in method.needs for name, method in METHODS.items()}
    assert {name for name, one in taught.items() if one} == {
        *("sre2l", "cda", "gvbsm", "lpld", "dwa", "rded")
    }
    assert trial(Arm("random"), protocol=rdc.protocols.soft()).taught

    def made(pool, ipc, seed, runtime, *, teacher=None):
        return pool

    monkeypatch.setitem(METHODS, "mine", Method("mine", made, "baseline", "network", "", ""))
    assert trial(Arm("mine")).taught


def test_scoring_lasts_as_long_as_the_metric_asks():
    setup = small_setup(scoring_epochs={"el2n": 2})
    assert setup.settings(Arm("el2n"))["epochs"] == 2
    assert setup.settings(Arm("pca"))["epochs"] == 2
    assert setup.settings(Arm("aum"))["epochs"] == 30
    assert setup.settings(Arm("pca", {"metric": "aum"}))["epochs"] == 30
    assert setup.settings(Arm("ccs"))["epochs"] == 30
    assert setup.settings(Arm("el2n"), Seeds(scoring=7))["scoring_seed"] == 7


def test_a_set_has_a_name_before_it_is_made(fresh_home):
    setup = large_setup()
    key = setup.set_key(trial(Arm("pca")))
    alike = [
        trial(Arm("pca", {"grid": 2, "order": "easy"})),
        trial(Arm("pca", {}, {"view": "shuffle"})),  # another look at the same set
        trial(Arm("pca"), student="convnet3-w8"),
        trial(Arm("pca"), protocol=rdc.protocols.soft()),
        trial(Arm("pca"), training=3),
    ]
    assert {setup.set_key(one) for one in alike} == {key}
    others = [
        trial(Arm("pca", {"grid": 3})),
        trial(Arm("el2n")),
        trial(Arm("pca"), ipc=2),
        trial(Arm("pca"), set=1),
        trial(Arm("pca"), scoring=1),
    ]
    assert len({key, *map(setup.set_key, others)}) == 1 + len(others)
    assert large_setup(pool=colour_blocks(39)).set_key(trial(Arm("pca"))) != key
    assert large_setup(scoring_epochs={"el2n": 3}).set_key(trial(Arm("pca"))) != key
    assert not list(fresh_home.rglob("result.json"))


@pytest.mark.parametrize(
    ("method", "size", "other"),
    [("gvbsm", 32, True), ("gvbsm", 64, True), ("dwa", 64, True), ("dwa", 32, False),
     ("sre2l", 64, False)],
)  # fmt: skip
def test_a_set_by_a_recipe_that_was_changed_has_another_name(monkeypatch, method, size, other):
    """Or rows of the earlier recipe would stand for those of the new one."""
    setup = large_setup(pool=colour_blocks(10, size=size), test=colour_blocks(10, size=size))
    key = setup.set_key(trial(Arm(method)))
    monkeypatch.setattr(setups, "edition", lambda method, size, device: 1)
    assert (setup.set_key(trial(Arm(method))) != key) == other


def test_the_last_set_is_remembered(fresh_home):
    setup = large_setup()
    one = setup.set_of(trial(Arm("random"), set=1))
    assert setup.set_of(trial(Arm("random", {}, {"cutout": 0.5}), set=1)) is one
    setup.set_of(trial(Arm("noise")))
    again = setup.set_of(trial(Arm("random"), set=1))
    assert again is not one
    assert torch.equal(again.images, one.images)
    made = setup.make("random", 1, Seeds(set=1))
    assert torch.equal(made.images, one.images)


def test_a_slow_set_is_made_by_one_process_at_a_time(fresh_home):
    setup, asked = small_setup(), trial(Arm("sre2l"))
    with (
        locks.lock(runs_dir("making") / setup.set_key(asked), "a set"),
        pytest.raises(locks.Locked, match="a set of sre2l is being worked on"),
    ):
        setup.set_of(asked, wait=False)
    assert setup.set_of(asked, wait=False).counts().tolist() == [1, 1, 1]


def test_a_test_set_in_another_order_is_found_out_before_soft_labels_are_used(fresh_home):
    pool, test = colour_blocks(per_class=8, classes=5), colour_blocks(classes=5, seed=0)
    test.labels[:] = (test.labels + 1) % 5
    with pytest.raises(DataError, match="classes in the same order"):
        Setup(pool, test, EXACT, teacher_epochs=20).teacher_of()


def test_the_teacher_knows_its_accuracy_on_both_sets_and_is_trained_once(fresh_home):
    setup = small_setup()
    teacher = setup.teacher_of()
    assert isinstance(teacher, Teacher)
    assert teacher.names == ("convnet2-w8-bn",) == setup.networks()
    assert min(teacher.pool_top1, teacher.test_top1) > 90
    assert setup.teacher_of() is teacher
    assert len(setup.networks(4)) == len(set(setup.networks(4))) == 4
    assert setup.networks(4)[0] == setup.networks()[0]
    assert setup.teacher_key(4).split()[0] == setup.teacher_key()
    assert setup.teacher_key(seed=1) != setup.teacher_key()


def test_the_whole_pool_is_a_training_with_hard_labels(fresh_home):
    assert small_setup().whole_pool("convnet2-w8") > 90


def test_every_score_is_of_the_pool_and_as_long_as_asked(fresh_home):
    setup = small_setup()
    found = setup.scores()
    assert set(found) == {"el2n", "aum", "aum_prob", "forgetting"}
    assert torch.equal(setup.score("el2n").values, found["el2n"].values)
    assert found["el2n"].row_ids.tolist() == setup.pool.row_ids.tolist()


def test_another_metric_prunes_otherwise(fresh_home, exact):
    setup = large_setup()
    made = {
        metric: setup.make(Arm("pca", {"metric": metric}), 2)
        for metric in ("el2n", "aum", "forgetting")
    }
    assert made["aum"].members.tolist() != made["el2n"].members.tolist()
    aum = rdc.select(setup.pool, rdc.aum(setup.pool, 2, runtime=exact), 8, "easy")
    assert set(made["aum"].members.flatten().tolist()) == set(aum.row_ids.tolist())
    with pytest.raises(ValueError, match="unknown pruning metric 'amu' - did you mean 'aum'"):
        setup.make(Arm("pca", {"metric": "amu"}), 2)


def test_a_method_of_ones_own_that_is_changed_is_another_method(monkeypatch, tmp_path):
    """Its finished runs must not be fetched; those of the kit's methods hang on FORMAT."""
    setup = Setup(colour_blocks(), colour_blocks(seed=0), EXACT)
    keys = []
    for k, first in enumerate((0, 1)):
        path = tmp_path / f"mine_{k}.py"
        path.write_text(f"def make(pool, ipc, seed, runtime):\n    return pool[[{first}]]\n")
        space = {"__name__": "mine"}
        exec(compile(path.read_text(), str(path), "exec"), space)
        method = Method("mine", space["make"], "baseline", "nothing", "none", "-")
        monkeypatch.setitem(METHODS, "mine", method)
        (trial,) = plan_trials(setup, [Arm("mine")], 1, seeds=1)
        keys.append(setup.set_key(trial))
    assert keys[0] != keys[1]


def test_own_scores_count_by_their_values(fresh_home):
    """Two score files of one name were one run."""
    setup = large_setup()
    ranks = torch.arange(len(setup.pool), dtype=torch.float32)
    own = [Scores.of(setup.pool, "ours", values) for values in (ranks, ranks.flip(0), ranks + 0)]
    trials = [trial(Arm("el2n", {"scores": scores})) for scores in own]
    keys = [setup.set_key(one) for one in trials]
    assert keys[0] == keys[2] != keys[1]
    assert trials[0].arm.key == trials[2].arm.key != trials[1].arm.key
    assert trials[0].arm.key.startswith("el2n scores=ours-")
    row = tried(trials[0], setup)
    assert (row["metric"], row["scoring_seed"]) == ("ours", None)
    assert arm_title(row) == "ours, easiest"


@pytest.mark.parametrize(("method", "name"), [("el2n", "ours"), ("pca", "ours"), ("pca", "aum")])
def test_who_gives_scores_has_said_by_what_to_go(method, name, fresh_home, exact):
    """An arm of PCA with AUM's scores "was to go by el2n"; sets told of a scoring run's epochs."""
    setup = large_setup()
    scores = Scores.of(setup.pool, name, torch.arange(len(setup.pool)))
    arm = Arm(method, {"scores": scores})
    made = setup.make(arm, 1, Seeds(scoring=3, set=2))
    alone = rdc.compress(method, setup.pool, 1, seed=2, runtime=exact, scores=scores)
    assert made.fingerprint() == alone.fingerprint()
    assert {*made.provenance} == {*alone.provenance}
    assert setup.set_key(trial(arm, scoring=3)) == setup.set_key(trial(arm))
    row = tried(trial(arm, scoring=3), setup)
    assert (row["metric"], row["scorer"], row["scoring_seed"]) == (name, "", None)
    whole = large_setup(options={"scores": scores})  # given to every arm that takes them
    assert whole.set_key(trial(Arm(method))) == setup.set_key(trial(arm))


def test_a_teacher_of_an_arm_is_told_from_another_as_good(fresh_home, exact):
    """Both were "87.5 % of the pool": one's runs were fetched for the other's."""
    setup = large_setup()
    first = rdc.squeeze(setup.pool, "convnet1-w8-bn", 20, runtime=exact)
    arms = [Arm("rded", {"teacher": one}) for one in (first, replace(first, key="another"))]
    assert arms[0].key != arms[1].key
    assert arms[0].key.startswith("rded teacher=convnet1-w8-bn-")
    keys = [setup.set_key(trial(arm, teacher=seed)) for arm in arms for seed in (0, 1)]
    assert keys[0] == keys[1] != keys[2]  # it has been trained, whatever the replicate's seed
    alone = rdc.compress("rded", setup.pool, 1, runtime=exact, teacher=first).provenance
    made = setup.make(arms[0], 1).provenance
    assert {*made} == {*alone}
    assert not {"teacher_epochs", "teacher_seed"} & {*made}


def _mine(pool, ipc, seed, runtime):
    return rdc.load("folder:nowhere").train


def test_a_file_that_an_own_method_reads_counts_by_its_content(tmp_path, monkeypatch):
    setup, path = large_setup(), tmp_path / "set.pt"
    method = Method("mine", _mine, "baseline", "", "", "", files=(str(path),))
    monkeypatch.setitem(METHODS, "mine", method)
    keys = []
    for content in ("one", "two", "one"):
        path.write_text(content)
        keys.append(setup.set_key(trial(Arm("mine"))))
    assert keys[0] == keys[2] != keys[1]
    path.unlink()
    with pytest.raises(ValueError, match=r"set\.pt, which a method reads, is not there"):
        setup.set_key(trial(Arm("mine")))


def test_epochs_of_a_setup_are_every_scorings_unless_a_metric_has_its_own():
    setup = small_setup(options={"epochs": 3}, scoring_epochs={"aum": 5})
    asked = {name: setup.settings(Arm(name))["epochs"] for name in ("el2n", "forgetting", "aum")}
    assert asked == {"el2n": 3, "forgetting": 3, "aum": 5}


def test_a_relative_file_that_a_method_reads_is_told_with_where_it_was_looked_for(
    tmp_path, monkeypatch
):
    """A notebook runs in its own folder, and found no rows.pt there."""
    method = Method("mine", _mine, "baseline", "", "", "", files=("rows.pt",))
    monkeypatch.setitem(METHODS, "mine", method)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError) as refused:
        small_setup().set_key(trial(Arm("mine")))
    told = f"rows.pt, which a method reads, is not in {tmp_path}, so name its whole path: No"
    assert str(refused.value).startswith(told)
    (tmp_path / "rows.pt").touch()
    assert small_setup().set_key(trial(Arm("mine")))


def test_a_relative_file_is_also_looked_for_beside_the_methods_own(tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    place = {"__file__": str(tmp_path / "mine.py"), "__name__": "mine"}
    exec("def make(pool, ipc, seed, runtime):\n    return pool", place)
    method = Method("mine", place["make"], "baseline", "", "", "", files=("helper.py",))
    monkeypatch.setitem(METHODS, "mine", method)
    keys = []
    for content in ("one", "two"):
        (tmp_path / "helper.py").write_text(content)
        keys.append(small_setup().set_key(trial(Arm("mine"))))
    assert keys[0] != keys[1]
