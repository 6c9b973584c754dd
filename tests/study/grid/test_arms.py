"""Arms: keys that tell them apart, equal storage, and what each list of arms holds."""

from itertools import chain

import pytest
import torch

import rdc_kit as rdc
from rdc_kit.methods import METHODS, Method
from rdc_kit.prune.recorders import Scores
from rdc_kit.study.grid import arms
from rdc_kit.study.grid.arms import Arm
from rdc_kit.study.grid.experiments import plan_trials, trials_of

from ..conftest import colour_blocks, large_setup

LISTS = {
    "pca_arms": arms.pca_arms,
    "pruning_arms": arms.pruning_arms,
    "ablation_parts": lambda: list(chain.from_iterable(arms.ablation_parts(4).values())),
    "crossing_arms": arms.crossing_arms,
    "crop_arms": arms.crop_arms,
}


def content(arm):
    """All that an arm says, its method's defaults spelled out."""
    method = METHODS[arm.method]
    settings = method.options | {"view": method.view} | arm.options | arm.protocol
    return arm.method, arm.pool, repr(sorted(settings.items()))


def test_two_arms_have_one_key_only_if_they_say_the_same():
    everything = [arm for made in LISTS.values() for arm in made()]
    assert len({content(arm) for arm in everything}) == len({arm.key for arm in everything})
    assert len({(content(arm), arm.key) for arm in everything}) == len(
        set(map(content, everything))
    )


@pytest.mark.parametrize("name", [name for name in LISTS if name != "ablation_parts"])
def test_no_list_names_an_arm_twice(name):
    keys = [arm.key for arm in LISTS[name]()]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize(
    ("arm", "key"),
    [
        (Arm("pca", {"grid": 2}, {"view": "cell"}), "pca"),
        (Arm("pca", {"order": "easy", "metric": "el2n", "grouping": "rank_block"}), "pca"),
        (Arm("pca", {"scoring_seed": 0, "epochs": None}), "pca"),
        (Arm("el2n", {"order": "easy"}), "el2n"),
        (Arm("random", {}, {"view": "whole"}), "random"),
        (Arm("ccs", {"beta": 0.3}), "ccs"),
        (Arm("rded", {"factor": None}), "rded"),
    ],
)
def test_a_default_that_is_stated_changes_no_key(arm, key):
    assert arm.key == key


@pytest.mark.parametrize(
    ("arm", "key"),
    [
        (Arm("pca", {}, {"view": "shuffle"}), "pca view=shuffle"),
        (Arm("el2n", {"order": "hard"}), "el2n order=hard"),
        (Arm("pca", {"order": "random"}, pool="sre2l"), "pca on=sre2l order=random"),
        (Arm("pca", {}, {"crop": (0.25, 1.0)}), "pca crop=0.25"),
        (Arm("pca", {}, {"crop": (0.2, 0.5)}), "pca crop=0.2-0.5"),
        (Arm("pca", {"grid": (1, 2)}), "pca grid=1x2"),
        (Arm("pca", {}, {"mix": "mixup", "loss": "ce_unmixed"}), "pca loss=ce_unmixed mix=mixup"),
    ],
)
def test_keys_are_written_as_the_readme_of_the_table_says(arm, key):
    assert arm.key == key


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"method": "pac"}, "did you mean 'pca'"),
        ({"method": "pca", "options": {"gird": 3}}, "did you mean 'grid'"),
        ({"method": "random", "options": {"order": "hard"}}, "order"),
        ({"method": "pca", "protocol": {"veiw": "cell"}}, "did you mean 'view'"),
    ],
)
def test_an_arm_with_a_slip_in_it_is_refused(given, message):
    with pytest.raises(ValueError, match=message):
        Arm(**given)


def test_an_arm_says_nothing_of_how_scores_are_made_that_it_brings(blocks):
    """As a single set does not; it would change nothing."""
    ranks = torch.arange(len(blocks))
    own, aum = (Scores.of(blocks, name, ranks) for name in ("ours", "aum"))
    for options in ({"scores": own, "metric": "aum"}, {"scores": own, "epochs": 7}):
        with pytest.raises(ValueError, match=r"pca was given its scores, so .* change nothing"):
            Arm("pca", options)
    assert Arm("pca", {"scores": aum, "metric": "aum"}).key.startswith("pca metric=aum scores=aum-")


def test_random_comes_first_and_once():
    assert [arm.key for arm in arms.method_arms(["pca", "random", "el2n", "pca"])] == [
        "random", "pca", "el2n",
    ]  # fmt: skip


def test_grids_are_written_as_rows_by_columns():
    assert [arms.shape_text(grid) for grid in (1, 2, (1, 2))] == ["1x1", "2x2", "1x2"]


# The lists


def test_every_arm_stores_as_much_but_the_literal_one(fresh_home):
    setup = large_setup()
    found = arms.unique(arms.ablation_parts(ipc=4))
    assert len({arm.key for arm in found}) == len(found) == 27
    for trial in plan_trials(setup, found, 4, seeds=1):
        stored = setup.set_of(trial)
        literal = trial.arm.key == "pca originals_per_class=4"
        assert stored.counts().tolist() == [1 if literal else 4] * 3, trial.arm.key


def test_what_says_nothing_is_left_out():
    def literal(parts):
        return [arm for arm in arms.unique(parts) if "originals_per_class" in arm.options]

    few = arms.ablation_parts(ipc=1)
    assert "grouping" not in few
    assert not literal(few)
    assert [arm.key for arm in literal(arms.ablation_parts(9, 3))] == [
        "pca grid=3x3 originals_per_class=9"
    ]


def test_arms_change_the_protocol_and_nothing_else():
    setup, protocol = large_setup(), rdc.protocols.hard(epochs=7)
    found = arms.unique(arms.ablation_parts(2))
    trials = plan_trials(setup, found, 2, [protocol], [5])
    by_key = {trial.arm.key: trial.protocol for trial in trials}
    assert by_key["pca"] == protocol
    assert by_key["pca cutout=0.5"] == protocol.but(cutout=0.5)
    assert by_key["pca loss=ce_unmixed mix=cutmix"] == protocol.but(mix="cutmix", loss="ce_unmixed")
    assert by_key["pca crop=0.25"] == protocol.but(view="cell", crop=(0.25, 1.0))
    assert {trial.seed for trial in trials} == {5}


def test_arms_of_the_ablations_share_runs_with_the_first_notebook():
    """The full PCA is the same set under the same view as notebook 00's."""
    mine = next(arm for arm in arms.unique(arms.ablation_parts(1)) if arm.key == "pca")
    theirs = next(arm for arm in arms.pca_arms() if arm.key == "pca")
    assert mine == theirs


def test_the_crossing_is_full_and_of_equal_storage(fresh_home):
    setup = large_setup()
    found = arms.crossing_arms()
    assert len({arm.key for arm in found}) == 4 * len(arms.RULES)
    made = {}
    for trial in plan_trials(setup, found, 2, seeds=1):
        stored = setup.set_of(trial)
        assert stored.counts().tolist() == [2, 2, 2]
        made[trial.arm.key] = stored
    alike, near = made["pca"], made["pca grouping=sequential"]
    assert sorted(alike.members.flatten().tolist()) == sorted(near.members.flatten().tolist())
    assert alike.members.tolist() != near.members.tolist()
    assert made["pca grid=3x3"].grid == (3, 3)


def test_epochs_of_a_score_and_of_the_training_are_two_arms():
    scored, trained = arms.Arm("el2n", {"epochs": 5}), arms.Arm("el2n", {}, {"epochs": 5})
    assert (scored.key, trained.key) == ("el2n epochs=5", "el2n protocol.epochs=5")
    assert [arms.arm_named(arm.key) for arm in (scored, trained)] == [scored, trained]
    both = arms.Arm("el2n", {"epochs": 5}, {"epochs": 30})
    for words in ("epochs=5 protocol.epochs=30", "protocol.epochs=30 epochs=5"):
        assert arms.arm_named(f"el2n {words}") == both


def test_an_arm_is_found_by_its_key():
    lines = [*arms.pca_arms(3), *arms.crossing_arms(), *arms.crop_arms(), *arms.pruning_arms()]
    lines += [arm for part in arms.ablation_parts(4).values() for arm in part]
    lines += [arms.Arm("pca", pool="sre2l"), arms.Arm("noise", {"spectrum": "pool"})]
    lines += [arms.Arm("noise", {}, {"teacher_norm": "batch"}), arms.Arm("rded", {"factor": 2})]
    for line in lines:
        assert arms.arm_named(line.key).key == line.key
    false = arms.Arm("random", protocol={"flip": False, "batch": None})
    assert arms.arm_named(false.key) == false
    assert arms.arm_named("pca grid=3") == arms.arm_named("pca grid=3x3")
    found = arms.arm_named("pca grid=1x2 view=shuffle crop=0.25-0.5 cutout=0.5")
    assert (found.options, found.protocol["crop"]) == ({"grid": (1, 2)}, (0.25, 0.5))


def test_a_set_of_a_set_cannot_be_asked_for():
    """Its rows would say on=sre2l of composites of the dataset."""
    assert arms.arm_asked("pca grid=3") == arms.arm_named("pca grid=3")
    with pytest.raises(ValueError, match=r"only chapter 08 makes sets of other sets \(on=sre2l\)"):
        arms.arm_asked("pca on=sre2l")


def test_a_seed_belongs_to_the_replicate():
    """All rows would be of one set, and say otherwise."""
    arm = arms.arm_asked("el2n scoring_seed=5")  # as compress may ask
    assert arm.options == {"scoring_seed": 5}
    with pytest.raises(ValueError, match="each replicate has a scoring_seed of its own, freeze"):
        trials_of([arm], 1, [rdc.protocols.hard()], 2, ["convnet3"])


def test_numbers_that_differ_in_the_seventh_digit_are_two_arms():
    one, other = (arms.arm_named(f"sre2l lr=0.1234567{k}").key for k in (1, 4))
    assert one == "sre2l lr=0.12345671"
    assert one != other


@pytest.mark.parametrize(
    ("crop", "word"),
    [
        ((0.08, 1.0), "0.08"),
        ((0.25, 0.5), "0.25-0.5"),
        ((1, 1), "1"),
        ((1 / 3, 1.0), "0.3333333333333333"),
        ((0.333333, 1.0), "0.333333"),
        ((1e-5, 2e-5), "1e-05-2e-05"),
    ],
)
def test_a_crop_is_written_so_that_it_is_read_as_the_same(crop, word):
    arm = Arm("pca", {}, {"crop": crop})
    assert arm.key == f"pca crop={word}"
    assert arms.arm_named(arm.key) == arm


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("pcb", "unknown method 'pcb'"),
        ("pca grid", "expected NAME=VALUE, got 'grid'"),
        ("pca crob=0.5", "unknown option of pca, or of training, 'crob' - did you mean 'crop'"),
        ("pca gird=3", "unknown option of pca, or of training, 'gird' - did you mean 'grid'"),
        ("pca grid=3x", "arm 'pca grid=3x': grid cannot be '3x'"),
        ("pca grid=1x2x3", "grid cannot be '1x2x3'"),
        ("pca crop=small", "crop cannot be 'small'"),
        ("pca grid=3 grid=2", "grid is there twice"),
        ("pca view=cell protocol.view=whole", "view is there twice"),
        ("el2n protocol.epochs=5 protocol.epochs=6", "epochs is there twice"),
        ("pca on=sre2l on=cda", "on is there twice"),
        ("pca protocol.on=sre2l", "unknown option of pca, or of training, 'on'"),
        ("pca scores=mine", "scores cannot be 'mine'"),
        ("pca metric=foo", "unknown pruning metric 'foo'"),
        ("pca metric=3", "pca: metric must be a text, got 3"),
        ("pca order=esy", "unknown order 'esy'"),
        ("pca grouping=foo", "unknown grouping 'foo'"),
        ("el2n skip=abc", "el2n: skip must be a number, got 'abc'"),
        ("ccs strata=1.5", "ccs: strata must be a whole number, got 1.5"),
        ("sre2l lr=abc", "sre2l: lr must be a number"),
        ("rded teacher=nope", "unknown network 'nope'"),
        ("rded teacher=5", "rded: teacher must be a text"),
        ("  ", "unknown method ''"),
    ],
)
def test_a_wrong_key_is_refused(key, message):
    with pytest.raises(ValueError, match=message):
        arms.arm_named(key)


def own_method(monkeypatch, **defaults):
    """A method "bright" whose options have these defaults."""
    space = {}
    options = ", ".join(f"{name}={value!r}" for name, value in defaults.items())
    exec(f"def make(pool, ipc, seed, runtime, *, {options}):\n    return pool", space)
    made = Method("Bright", space["make"], "pruning", "nothing", "none", "-")
    monkeypatch.setitem(METHODS, "bright", made)


@pytest.mark.parametrize(
    ("word", "value"),
    [("true", True), ("True", True), ("false", False), ("False", False), ("none", None)],
)
def test_yes_and_no_are_written_in_either_case(monkeypatch, word, value):
    """A method of one's own was given the text "false", which is true."""
    own_method(monkeypatch, reverse=False)
    assert arms.arm_named(f"bright reverse={word}").options == {"reverse": value}
    assert arms.arm_named("pca flip=false mix=none").protocol == {"flip": False, "mix": "none"}


@pytest.mark.parametrize("word", ["yes", "1", "flase"])
def test_what_is_neither_yes_nor_no_is_refused(monkeypatch, word):
    own_method(monkeypatch, reverse=False, style="none")
    with pytest.raises(ValueError, match=f"reverse cannot be '{word}', write true or false"):
        arms.arm_named(f"bright reverse={word}")
    with pytest.raises(ValueError, match="flip cannot be"):
        arms.arm_named(f"bright flip={word}")
    assert arms.arm_named("bright style=none").options == {"style": "none"}


def test_options_of_a_set_and_of_training_are_told_apart():
    """One list of 31 names had epochs twice, with two meanings."""
    with pytest.raises(ValueError, match="'foo'") as raised:
        arms.arm_named("pca foo=1")
    of_set, of_training = str(raised.value).partition("Of the set: ")[2].split("; of training: ")
    assert "grid, grouping" in of_set
    assert "lr" not in of_set
    assert "lr, weight_decay" in of_training
    assert [part.split(", ").count("epochs") for part in (of_set, of_training)] == [1, 1]


def test_grids_that_the_smallest_class_cannot_fill_are_left_out():
    """A folder of six images per class failed at the 3 x 3 arm, after all other trainings."""
    small, large = colour_blocks(per_class=6), colour_blocks(per_class=9)
    for ipc, pool, grids in ((1, small, 3), (1, large, 4), (2, large, 3)):
        assert len(arms.ablation_parts(ipc, 1, pool)["grid"]) == grids
        shapes = {arm.key for arm in arms.crossing_arms(ipc, pool)}
        assert len(shapes) == 4 * (len(arms.RULES) if grids == 4 else len(arms.RULES) - 1)
        assert ("pca grid=3x3" in shapes) == (grids == 4)
