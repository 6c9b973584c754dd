"""The command line: verdicts and exit statuses."""

import subprocess
import sys

import pandas as pd
import pytest

import rdc_kit as rdc
from rdc_kit.__main__ import VERBS, main


@pytest.mark.parametrize("verb", list(VERBS))
def test_every_verb_has_help_with_an_example(verb, capsys):
    with pytest.raises(SystemExit) as ended:
        main([verb, "--help"])
    assert ended.value.code == 0
    assert "example: python -m rdc_kit" in capsys.readouterr().out


def test_doctor_is_well_here(capsys):
    assert main(["doctor"]) == 0
    told = capsys.readouterr().out
    assert "[OK]   torch pair" in told
    assert "[FAIL]" not in told
    assert told.strip().splitlines()[-1] == "doctor: all is well"


def test_doctor_fails_on_a_data_folder_that_is_not_there(monkeypatch, capsys):
    monkeypatch.setenv("RDC_DATA", "/nowhere/at/all")
    assert main(["doctor"]) == 1
    assert "[FAIL] data: RDC_DATA names /nowhere/at/all" in capsys.readouterr().out


def test_methods_lists_the_registry(capsys):
    assert main(["methods"]) == 0
    told = capsys.readouterr().out
    assert all(name in told for name in rdc.METHODS)


def test_compress_saves_a_set_that_loads(tmp_path, capsys):
    out = tmp_path / "set"
    call = ["compress", "random", "--ipc", "3", "--size", "16", "--out", str(out)]
    assert main(call) == 0
    assert capsys.readouterr().out.startswith("compress: ImageSet(digits, random: 30 images")
    assert rdc.load(f"parquet:{out}", size=16).train.counts().tolist() == [3] * 10
    assert main(call) == 2
    assert "exists" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (["compress", "pac", "--out", "{}"], "did you mean 'pca'"),
        (["compress", "random", "--dataset", "digit", "--out", "{}"], "did you mean 'digits'"),
        (["compress", "random", "--ipc", "999", "--out", "{}"], "999 are asked of each class"),
        (["score", "--device", "cudda", "--out", "{}"], "unknown device 'cudda'"),
    ],
)
def test_wrong_usage_exits_2_with_one_clear_line(tmp_path, capsys, call, message):
    assert main([part.format(tmp_path / "out") for part in call]) == 2
    told = capsys.readouterr().err
    assert message in told
    assert len(told.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_unknown_verbs_exit_2():
    with pytest.raises(SystemExit) as ended:
        main(["benhc"])
    assert ended.value.code == 2


def test_score_writes_a_row_per_image(tmp_path, capsys):
    out = tmp_path / "scores.csv"
    assert main(["score", "--epochs", "2", "--size", "16", "--out", str(out)]) == 0
    table = pd.read_csv(out)
    assert list(table) == [
        "row_id", "label", "el2n", "aum", "aum_prob", "forgetting", "never_learned"
    ]  # fmt: skip
    assert len(table) == 1347
    assert table["el2n"].between(0, 2**0.5).all()


def test_bench_prints_a_ratio_and_keeps_the_rounds(tmp_path, capsys):
    out = tmp_path / "bench.csv"
    call = ["bench", "--size", "16", "--student", "convnet2-w8", "--batch", "16", "--rounds", "1"]
    assert main([*call, "--out", str(out)]) == 0
    assert "ratio " in capsys.readouterr().out.strip().splitlines()[-1]
    table = pd.read_csv(out)
    assert list(table["loop"]) == ["plain, 0 workers", "plain, 2 workers", "rdc_kit"]
    assert (table["images_per_second"] > 0).all()


def test_runs_lists_nothing_at_first(fresh_home, capsys):
    assert main(["runs"]) == 0
    assert capsys.readouterr().out.startswith("runs: 0 notebooks, 0 finished trainings")


def test_the_module_runs_from_any_folder(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "rdc_kit", "methods"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
