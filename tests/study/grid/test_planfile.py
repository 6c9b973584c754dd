"""The file of the plan: every word of it means something, and a wrong one is refused."""

import pytest

from rdc_kit.study.grid.planfile import PlanError, read_plan

from .plans import PLAN, plan_in


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[setting.tiny]", "[setting.other]", "unknown setting of line 'random' 'tiny'"),
        ('arms = ["random"]', 'arms = ["randon"]', "line 'random': unknown method 'randon'"),
        ("ipc = 1", "icp = 1", "line 'random': unknown field 'icp' - did you mean 'ipc'"),
        ("n = 3\n", "", "line 'random' lacks n$"),
        ("size = 16\n", "", "setting 'tiny' lacks size$"),
        ('dataset = "digits"', 'dataset = "digts"', "setting 'tiny': .* did you mean 'digits'"),
        ("size = 16", "size = 7", "setting 'tiny': size must be .* from 8 to 1024, got 7"),
        ("n = 3", "n = 2", "line 'random': n must be at least 3, .* 3 replicates, got 2"),
        ("n = 3", "n = 4\ntrainings = 2", "n must be at least 6, .* 3 replicates, got 4"),
        ('["el2n - random"]', '["el2n"]', "line 'easy': effect 'el2n' alone .*: write 'el2n - r"),
        (
            '["el2n - random"]',
            '["el2n"]\nmeasure = "entropy"\nvalue = "stored"',
            "line 'easy': effect 'el2n' alone is always above 0",
        ),
        ('"el2n - random"', '"aum - random"', "effect 'aum - random' is not of its arms"),
        ('key = "easy"', 'key = "random"', "several lines are called random"),
        ("[[line]]", "[[line", "plan.toml: "),
        (
            'arms = ["random"]',
            'arms = "random"',
            "arms must be a list, got 'random'",
        ),
        ("n = 3", 'n = "x"', "line 'random': n must be a whole number, got 'x'"),
        ("anchor = 50.0", 'anchor = "x"', "line 'random': anchor must be a number, got 'x'"),
        ("n = 3", 'n = 3\nvalue = "top11"', "unknown value 'top11' - did you mean 'top1'"),
        ('arms = ["random"]', 'arms = ["el2n order=esy"]', "line 'random': unknown order 'esy'"),
        ("size = 16", 'size = "16"', "setting 'tiny': size must be a whole number, got '16'"),
        ("[[line]]", "[[lines]]", "unknown table 'lines' - did you mean 'line'"),
        ('setting = "tiny"', "setting = [3]", r"unknown setting of line 'random' '\[3\]'"),
        ('arms = ["random"]', "arms = [3]", "line 'random': each of arms must be a text, got 3"),
        ('arms = ["random"]', "arms = []", "line 'random': arms must name at least one"),
        ('effects = ["random"]', "effects = []", "line 'random': effects must name at least one"),
        ("n = 3", "n = 3\nprotocols = []", "line 'random': protocols must name at least one"),
        ("ipc = 1", "ipc = 0", "line 'random': ipc must be at least 1, got 0"),
        ("ipc = 1", "ipc = [1, 0]", r"ipc must be at least 1, got \(1, 0\)"),
        ("ipc = 1", 'ipc = ["x"]', "each of ipc must be a whole number, got 'x'"),
        ("ipc = 1", "ipc = []", "line 'random': ipcs must name at least one"),
        ("n = 3", "n = 3\nknown = [4]", r"effects how many .* before, 0 to 3, got \[4\]"),
        ("n = 3", "n = 3\nknown = [1, 0]", r"known must say of each of its 1 effects .*\[1, 0\]"),
        ("n = 3", "n = 3\ntrainings = 2", "n must be a multiple of trainings.*: 3 is none of 2"),
    ],
)
def test_a_wrong_plan_is_refused_in_a_sentence(tmp_path, monkeypatch, old, new, message):
    path = plan_in(tmp_path, monkeypatch)
    path.write_text(PLAN.replace(old, new))
    with pytest.raises(PlanError, match=message):
        read_plan(path)


def test_a_plan_can_be_read_where_its_folder_is_not(tmp_path, monkeypatch):
    path = plan_in(tmp_path, monkeypatch)
    path.write_text(PLAN.replace('"digits"', f'"folder:{tmp_path}/elsewhere"'))
    assert len(read_plan(path)) == 2


def test_an_accuracy_can_be_asked_to_be_above_a_number(tmp_path, monkeypatch):
    path = plan_in(tmp_path, monkeypatch)
    path.write_text(PLAN.replace('["el2n - random"]', '["el2n"]\nleast = 15.0'))
    assert len(read_plan(path)) == 2


@pytest.mark.parametrize(
    "text", ["setting = 3", "[setting]\nsize = 3", "line = 3", "line = [3]", "[line]\nkey = 'x'"]
)
def test_what_is_no_table_is_refused(tmp_path, monkeypatch, text):
    path = plan_in(tmp_path, monkeypatch)
    path.write_text(text)
    with pytest.raises(PlanError, match=r"plan.toml: .*, begin (it|each) with \["):
        read_plan(path)


def test_a_plan_that_is_a_link_or_no_text_is_refused(tmp_path, monkeypatch):
    """Rows lie beside it: of a link, in two places."""
    path = plan_in(tmp_path, monkeypatch)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "plan.toml").symlink_to(path)
    with pytest.raises(PlanError, match=r"plan.toml is a link"):
        read_plan(tmp_path / "other" / "plan.toml")
    path.write_bytes(b"\xff")
    with pytest.raises(PlanError, match=r"plan\.toml: .*utf-8"):
        read_plan(path)


def test_an_effect_of_two_protocols_says_which(tmp_path, monkeypatch):
    path = plan_in(tmp_path, monkeypatch)
    two = PLAN.replace(
        'effects = ["el2n - random"]', 'protocols = ["hard", "soft"]\neffects = ["{}"]'
    )
    path.write_text(two.format("el2n@soft - random@hard"))
    assert len(read_plan(path)) == 2
    path.write_text(two.format("el2n - random"))
    with pytest.raises(PlanError, match="must say of which protocol: el2n@"):
        read_plan(path)


def test_the_committed_plan_is_right_and_no_line_is_twice():
    lines = read_plan()
    assert len(lines) >= 10
    assert {line.claims[0] for line in lines} >= {"anchor", "C1", "C5", "C8"}
    assert all(line.n >= 3 for line in lines)


@pytest.mark.parametrize(
    ("new", "message"),
    [
        ('"el2n#5 - random"', "is not of its ipcs"),
        ('"el2n@soft - random"', "is not of its protocols"),
        ('"el2n / random / random"', "a ratio has two terms"),
        ('"el2n - @soft"', "is no term"),
        (
            '"best crop of el2n"',
            "unknown option with a best value 'crop' - did you mean 'crop_low'",
        ),
        ('"best order of el2n"', "unknown option with a best value 'order'"),
        ('"best skip of el2n"', "found among three or more, and of the arms 1 are made by el2n"),
        ('"best skip of aum"', "effect 'best skip of aum' is not of its arms"),
        ('"chance - chance"', "effect 'chance - chance' must have an arm"),
    ],
)
def test_a_wrong_effect_is_refused(tmp_path, monkeypatch, new, message):
    path = plan_in(tmp_path, monkeypatch)
    path.write_text(PLAN.replace('"el2n - random"', new))
    with pytest.raises(PlanError, match=message):
        read_plan(path)


@pytest.mark.parametrize("effect", ["el2n - chance", "best skip of el2n"])
def test_an_anchor_is_one_accuracy(tmp_path, monkeypatch, effect):
    path = plan_in(tmp_path, monkeypatch)
    arms = 'arms = ["el2n", "el2n skip=0.25", "el2n skip=0.5"]'
    new = PLAN.replace('arms = ["random"]', arms)
    path.write_text(new.replace('effects = ["random"]', f'effects = ["{effect}"]'))
    with pytest.raises(PlanError, match="line 'random': an anchor is the accuracy of one arm"):
        read_plan(path)


def test_a_line_measures_what_there_is_and_each_arm_once(tmp_path, monkeypatch):
    path = plan_in(tmp_path, monkeypatch)
    path.write_text(PLAN.replace("n = 4", 'n = 4\nmeasure = "entropie"'))
    with pytest.raises(PlanError, match="unknown measure 'entropie' - did you mean 'entropy'"):
        read_plan(path)
    path.write_text(PLAN.replace('["random", "el2n"]', '["random", "el2n", "el2n order=easy"]'))
    with pytest.raises(PlanError, match="is there twice"):
        read_plan(path)
