"""The verbs methods, compress and score."""

import pandas as pd
import pytest

import rdc_kit as rdc
from rdc_kit.__main__ import main


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


def test_score_writes_a_row_per_image(tmp_path, capsys):
    out = tmp_path / "scores.csv"
    assert main(["score", "--epochs", "2", "--size", "16", "--out", str(out)]) == 0
    table = pd.read_csv(out)
    assert list(table) == [
        "row_id", "label", "el2n", "aum", "aum_prob", "forgetting", "never_learned"
    ]  # fmt: skip
    assert len(table) == 1347
    assert table["el2n"].between(0, 2**0.5).all()
