"""A file of one's own: it is run once, its errors are told by line, workers run it too."""

import functools
import os
import subprocess
import sys

import pandas as pd
import pytest

import rdc_kit as rdc
from rdc_kit.__main__ import main
from rdc_kit.ground import own
from rdc_kit.ground.own import is_own, own_code, run_file, use_told
from rdc_kit.methods import METHODS
from rdc_kit.prune import scores
from rdc_kit.prune.metrics import METRICS
from rdc_kit.study.grid.arms import Arm, arm_named
from rdc_kit.study.grid.experiments import Experiment, plan_trials
from rdc_kit.study.grid.processes import start_processes
from rdc_kit.study.grid.setups import Setup
from rdc_kit.train import protocols
from rdc_kit.train.models import NETWORKS

from ..conftest import colour_blocks

MINE = '''
import torch.nn.functional as F
from torch import nn

from rdc_kit.methods import METHODS, Method
from rdc_kit.prune.recorders import MeanScore
from rdc_kit.prune.metrics import METRICS, Metric
from rdc_kit.train import protocols
from rdc_kit.train.models import NETWORKS
from beside import PLACE


def first(pool, ipc, seed, runtime):
    """Images from a place of each class on."""
    return pool[[int(r) for k in range(pool.num_classes) for r in pool.rows_of(k)[place()][:ipc]]]


def place():
    return slice(PLACE, None)


def loss(logits, labels):
    return F.cross_entropy(logits.float(), labels, reduction="none")


def flat(classes, size):
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * size**2, classes))


METHODS["first"] = Method("First", first, "baseline", "nothing", "none", "-")
METRICS["loss"] = Metric("loss", 2, lambda rows, _: MeanScore(loss, rows, hard_is=1))
NETWORKS["flat"] = flat
protocols.NAMED["brief"] = lambda: protocols.hard(epochs=1, name="brief")
'''
REGISTRIES = (METHODS, METRICS, NETWORKS, protocols.NAMED)


@pytest.fixture(autouse=True)
def kept(monkeypatch):
    """Registries, modules and the search path as they were, whatever a test uses."""
    before = [dict(registry) for registry in REGISTRIES]
    monkeypatch.setattr(own, "_used", {})
    modules, paths = dict(sys.modules), list(sys.path)
    monkeypatch.setenv("RDC_USE", "")
    yield
    for registry, old in zip(REGISTRIES, before, strict=True):
        registry.clear()
        registry.update(old)
    for name in sys.modules.keys() - modules.keys():
        if name.startswith("used_") or name == "beside":
            del sys.modules[name]
    sys.path[:] = paths


@pytest.fixture
def mine(tmp_path):
    (tmp_path / "beside.py").write_text("PLACE = 1\n")
    path = tmp_path / "mine.py"
    path.write_text(MINE)
    return path


def test_what_a_file_adds_is_known_and_a_file_beside_it_is_found(mine):
    run_file(mine)
    pool = colour_blocks(8)
    made = rdc.compress("first", pool, 2)
    assert made.row_ids.tolist() == [pool.rows_of(k)[i] for k in range(3) for i in (1, 2)]
    assert protocols.named("brief").epochs == 1
    assert os.environ["RDC_USE"] == str(mine)


def test_a_file_is_run_again_only_when_it_has_changed(tmp_path):
    path, log = tmp_path / "counts.py", tmp_path / "log"
    path.write_text(f"print(1, file=open({str(log)!r}, 'a'))\n")
    run_file(path), run_file(path), use_told()
    assert log.read_text() == "1\n"
    path.write_text(path.read_text().replace("print(1", "print(2"))
    run_file(path)
    assert log.read_text() == "1\n2\n"
    assert os.environ["RDC_USE"] == str(path)  # named once


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("x = 1\ny = x / 0\n", r"mine\.py, line 2: ZeroDivisionError: division by zero"),
        ("x = (\n", r"mine\.py, line 1: SyntaxError: '\(' was never closed"),
        ("def f():\n    raise SystemExit(3)\nf()\n", r"mine\.py, line 2: SystemExit: 3"),
        ("import no_such_module\n", r"line 1: ModuleNotFoundError: No module named 'no_such"),
        (b"\xff\xfe", r"cannot use .*mine\.py.*: it is no text"),
    ],
)
def test_a_file_that_fails_is_one_sentence_with_its_line(tmp_path, capsys, content, told):
    path = tmp_path / "mine.py"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    for _ in range(2):  # a failed one is not taken for run
        with pytest.raises(ValueError, match=told):
            run_file(path)
    assert os.environ["RDC_USE"] == ""
    assert main(["methods", "--use", str(path)]) == 2
    said = capsys.readouterr()
    assert said.err.count("\n") == 1
    assert "Traceback" not in said.err + said.out


def test_a_missing_file_and_a_relative_path_in_the_environment_are_refused(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match=r"cannot use .*no\.py: No such file"):
        run_file(tmp_path / "no.py")
    monkeypatch.setenv("RDC_USE", "mine.py")
    with pytest.raises(ValueError, match=r"RDC_USE must hold absolute paths, got 'mine.py'"):
        use_told()


def test_the_whole_file_is_the_code_of_what_is_in_it(mine):
    """What a method calls in its file may change too; the kit's code hangs on FORMAT."""
    run_file(mine)
    old = METHODS["first"].make
    before = own_code(old)
    assert before.endswith(MINE)
    assert own_code(NETWORKS["flat"]).endswith(MINE)
    mine.write_text(MINE.replace("slice(PLACE, None)", "slice(PLACE + 1, None)"))
    run_file(mine)
    assert own_code(METHODS["first"].make) != before
    assert own_code(old) == before  # of what it does, not of what the file says by now
    mine.write_text("x = (\n")
    with pytest.raises(ValueError, match="never closed"):
        run_file(mine)
    assert own_code(old) == before
    assert own_code(METHODS["pca"].make) == ""
    assert is_own(METHODS["first"].make)
    assert not is_own(METHODS["pca"].make)


def test_code_without_a_source_is_told_apart_by_what_it_calls_and_is_the_same_again():
    made = []
    for call in ("amax", "amin", "amax"):
        space = {"__name__": "typed"}
        exec(f"def make(pool):\n    return [x.{call}() for x in (lambda p: p)(pool)]", space)
        made.append(own_code(space["make"]))
    assert made[0] == made[2] != made[1]


def test_a_changed_file_makes_its_runs_again_and_no_others(mine, fresh_home, exact):
    setup = Setup(colour_blocks(8), colour_blocks(4, seed=1), exact)

    def grid():
        how = [protocols.hard(epochs=1)]
        return Experiment(
            setup, plan_trials(setup, [Arm("first"), Arm("random")], 1, how, 1, students=["flat"])
        )

    run_file(mine)
    table = grid().measure()
    assert grid().plan().done == 2
    assert set(table["student"]) == {"flat"}
    mine.write_text(MINE + "\n# another word\n")
    run_file(mine)
    assert grid().plan().done == 0  # the network is of the file too
    of_the_kit = plan_trials(setup, [Arm("random")], 1, [protocols.hard(epochs=1)], 1)
    keys = setup.set_key(of_the_kit[0])
    mine.write_text(MINE)
    run_file(mine)
    assert setup.set_key(of_the_kit[0]) == keys
    assert grid().plan().done == 2


def _shown(text):
    return text


def test_a_partial_is_told_by_what_it_fills_in_and_an_object_by_nothing():
    made = [functools.partial(_shown, k) for k in ("a", "b", "a")]
    codes = [own_code(one) for one in made]
    assert codes[0] == codes[2] != codes[1]
    assert not is_own(functools.partial(rdc.load, "digits"))
    with pytest.raises(ValueError, match=r"nobody can tell later what .*<object object"):
        own.code_of(functools.partial(_shown, object()))


def test_an_interrupted_file_is_not_taken_for_used(tmp_path):
    path = tmp_path / "slow.py"
    path.write_text("raise KeyboardInterrupt")
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            run_file(path)
    assert os.environ["RDC_USE"] == ""


def test_paths_and_marks_that_editors_leave(tmp_path):
    path = tmp_path / "a b.py"
    path.write_bytes(b"\xef\xbb\xbfx = 1\n")  # a byte order mark
    run_file(path)
    with pytest.raises(ValueError, match=r"':' in a path divides RDC_USE"):
        run_file(tmp_path / "a:b.py")


def test_an_error_in_a_file_that_is_used_names_its_line(tmp_path, capsys):
    path = tmp_path / "mine.py"
    path.write_text(MINE.replace("from beside import PLACE", "").replace("PLACE, None", "'a' + 1"))
    call = ["compress", "first", "--ipc", "1", "--out", str(tmp_path / "set")]
    assert main([*call, "--use", str(path)]) == 2
    line = path.read_text().split("\n").index("    return slice('a' + 1)") + 1
    assert f"compress: {path}, line {line}: can only concatenate" in capsys.readouterr().err


KINDS = {
    "a score": ("METRICS", 'Metric("M", 1, lambda n, _: MeanScore({}, n))', "pca metric=mine"),
    "a score of the kit's": ("METRICS", "replace(METRICS['{}'], epochs=1)", "pca metric=mine"),
    "fixed options": ("METHODS", "replace(METHODS['pca'], fixed={{'grid': {}}})", "mine"),
    "a teacher": ("NETWORKS", "lambda c, s: build('convnet2-w{}-bn', c, s)", "rded teacher=mine"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_a_file_changes_its_sets_are_others(tmp_path, exact, kind):
    """By a score, a line of the registry or a network, of which the method says nothing."""
    registry, line, key = KINDS[kind]
    values = {"a score": ("error_norm", "margin"), "a score of the kit's": ("el2n", "aum")}
    path, setup = tmp_path / "mine.py", Setup(colour_blocks(8), colour_blocks(4, seed=1), exact)
    keys, codes = [], []
    for value in values.get(kind, (4, 8)):
        path.write_text(
            "from dataclasses import replace\nfrom rdc_kit.methods import METHODS\n"
            "from rdc_kit.prune.metrics import METRICS, Metric\n"
            "from rdc_kit.prune.recorders import MeanScore, error_norm, margin\n"
            "from rdc_kit.train.models import NETWORKS, build\n"
            f"{registry}['mine'] = {line.format(value)}\n"
        )
        run_file(path)
        (trial,) = plan_trials(setup, [arm_named(key)], 1, [protocols.hard(epochs=1)], 1)
        keys.append(setup.set_key(trial))
        codes.append(setup.code_of(trial))
    assert keys[0] != keys[1]
    assert "" != codes[0] != codes[1] != ""


def test_a_protocol_of_ones_own_is_code_too(mine, exact):
    setup = Setup(colour_blocks(8), colour_blocks(4, seed=1), exact)
    run_file(mine)
    codes = []
    for lr in (0.1, 0.2):
        how = [protocols.named("brief").but(lr=lr), protocols.hard()]
        own_one, kits = plan_trials(setup, [Arm("random")], 1, how, 1)
        codes.append(setup.code_of(own_one))
        assert setup.code_of(kits) == ""
    assert codes[0] != codes[1]


def test_a_score_that_was_overridden_leaves_the_kits_runs_alone(tmp_path, exact):
    """Its rows were served to people who use no file."""
    setup = Setup(colour_blocks(8), colour_blocks(4, seed=1), exact)
    (trial,) = plan_trials(setup, [Arm("el2n")], 1, [protocols.hard(epochs=1)], 1)
    kits = setup.set_key(trial)
    path = tmp_path / "mine.py"
    path.write_text(
        "from dataclasses import replace\nfrom rdc_kit.prune.metrics import METRICS\n"
        "METRICS['el2n'] = replace(METRICS['el2n'], recorder=METRICS['aum'].recorder)\n"
    )
    run_file(path)
    assert setup.set_key(trial) != kits


def test_a_score_of_ones_own_leaves_finished_runs_of_the_others_in_place(
    mine, fresh_home, exact, monkeypatch
):
    pool = colour_blocks(8)
    before = scores.score(pool, "el2n", 2, runtime=exact)
    run_file(mine)
    with monkeypatch.context() as patched:
        patched.setattr(scores, "fit", lambda *_, **__: pytest.fail("trained again"))
        assert scores.score(pool, "el2n", 2, runtime=exact).values.equal(before.values)
    first = scores.score(pool, "loss", 2, runtime=exact)
    mine.write_text(MINE.replace("cross_entropy(logits.float()", "cross_entropy(-logits.float()"))
    run_file(mine)
    assert not scores.score(pool, "loss", 2, runtime=exact).values.equal(first.values)


def _tell(path, name):
    path.joinpath(name).write_text(" ".join(METHODS))


def test_a_process_that_is_started_later_uses_it_too(mine, tmp_path):
    """As its starter ran it; a helper that fails is not missed, the starter makes its trials."""
    run_file(mine)
    mine.write_text("x = (")
    for process in start_processes(_tell, tmp_path, [("told",)]):
        process.join()
    assert "first" in (tmp_path / "told").read_text().split()


def test_workers_and_the_command_line_know_what_a_file_adds(mine, fresh_home):
    """Two processes, a method, a network and a protocol that only the file knows."""
    out = fresh_home / "runs.csv"
    words = "benchmark --methods first --students flat --protocols brief --labels hard --epochs 1"
    words += " --ipc 1 2 --seeds 2 --workers 2"
    call = [sys.executable, "-m", "rdc_kit", *words.split(), "--out", str(out), "--use", str(mine)]
    done = subprocess.run(call, capture_output=True, text=True, env=os.environ)
    assert done.returncode == 0, done.stderr
    assert "died" not in done.stderr
    rows = pd.read_csv(out)
    assert set(rows["method"]) == {"first", "random"}
    assert set(rows["student"]) == {"flat"}
    assert len(rows) == 16


def test_forgetting_that_was_overridden_does_not_stop_the_other_scores(exact, monkeypatch):
    monkeypatch.setitem(METRICS, "forgetting", METRICS["aum"])
    pool = colour_blocks(8, seed=7)
    assert len(scores.score(pool, "aum", 1, runtime=exact).values) == 24
    found = scores.score(pool, "forgetting", 1, runtime=exact)
    assert found.never_learned is None
    assert found.values.equal(scores.dynamics(pool, 1, runtime=exact)["forgetting"].values)
    assert len(rdc.compress("forgetting", pool, 2, runtime=exact, epochs=1)) == 6


def cell(source, names):
    """Run a notebook's cell."""
    exec(compile(source, "<cell>", "exec"), names)
    return names["mine"]


OF = "def of(k):\n  def part(x): return k * x\n  return part\npart = of({})"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("def part(x): return x", "def part(x): return -x"),
        ("def part(x, k=1): return k * x", "def part(x, k=2): return k * x"),
        ("k = 1\ndef part(x): return k * x", "k = 2\ndef part(x): return k * x"),
        (OF.format(1), OF.format(2)),
    ],
    ids=["function", "default", "value", "closure"],
)
def test_what_a_typed_function_leans_on_is_its_code(before, after):
    """Scores of a changed formula were those of the old one: a lambda's own line is the same."""
    uses = "\nmine = lambda rows: part(rows)"
    one, same, other = (
        own.code_of(cell(text + uses, {"__name__": "typed"})) for text in (before, before, after)
    )
    assert one == same != other


def test_functions_that_call_each_other_and_those_of_libraries_are_told():
    text = """
import torch.nn.functional as F
from torch.nn.functional import mse_loss
def other(x): return mine(x - 1) + mse_loss(x, x)
def mine(x): return other(x) if x else F.relu(x)
"""
    told = own.code_of(cell(text, {"__name__": "typed"}))
    assert told == own.code_of(cell(text, {"__name__": "typed"}))
    assert told.endswith("\nmse_loss")
