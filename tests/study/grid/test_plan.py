"""Plans: what is done is counted, the rest is estimated, and what cannot fit is refused."""

import pytest

import rdc_kit as rdc
from rdc_kit.study.grid import plan
from rdc_kit.study.grid.arms import Arm
from rdc_kit.study.grid.experiments import Experiment, plan_trials

from ..conftest import HARD1, small_setup, small_trials


def test_a_plan_counts_estimates_and_trains_no_teacher(fresh_home):
    setup = small_setup()
    experiment = Experiment(setup, small_trials(setup))
    before = plan.plan(experiment)
    assert (before.runs, before.done) == (24, 0)
    assert min(before.shared, before.sets, before.training) > 0
    assert not list(fresh_home.glob("data/runs/teachers/*/result.json"))
    assert not list(fresh_home.glob("data/runs/train/*"))
    experiment.measure()
    after = plan.plan(experiment)
    assert (after.done, after.shared, after.sets, after.training) == (24, 0, 0, 0)
    assert str(after).startswith("24 runs, 24 already done; about 0 s on this machine")


def test_a_plan_of_more_than_the_disk_holds_is_refused(fresh_home):
    setup = small_setup()
    huge = rdc.protocols.named("lpld").but(keep=1.0, epochs=10**13)
    trials = plan_trials(setup, [Arm("random")], 1, [huge], 1)
    with pytest.raises(OSError, match=r"MB are needed: free some space"):
        plan.plan(Experiment(setup, trials))


def test_a_set_costs_what_its_recipe_says():
    setup = small_setup(options={"iterations": 3, "drawn": 4, "crops": 5})

    def views(arm, ipc=2):
        return plan.set_views(plan_trials(setup, [arm], ipc, [HARD1], 1)[0], setup)

    assert views(Arm("random")) == views(Arm("pca")) == 0
    assert views(Arm("sre2l")) == 3 * 2 * 3  # iterations x ipc x classes; fp32 here
    assert views(Arm("sre2l", {"iterations": 7})) == 7 * 2 * 3
    assert views(Arm("rded")) == pytest.approx(4 * 3 * 5 / 3)


@pytest.mark.parametrize(
    ("seconds", "text"), [(40, "40 s"), (99.6, "100 s"), (720, "12 min"), (12600, "3.5 h")]
)
def test_times_are_said_as_people_say_them(seconds, text):
    assert plan.human_time(seconds) == text
