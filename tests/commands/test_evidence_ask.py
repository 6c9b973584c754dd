"""What the committed rows say of a question that no line has."""

from rdc_kit.__main__ import main


def test_the_committed_rows_answer(capsys):
    call = ["evidence", "--line", "difficulty-cifar10", "--ask"]
    assert main([*call, "el2n skip=0.25#50 - pca#50", "el2n#50"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0] == ("el2n skip=0.25#50 - pca#50: 2.94 (1.01 to 4.86) points, n = 5, p = 0.013")
    assert told[1].startswith("el2n#50: 4")
    assert told[2].startswith("cifar10-convnet3: the images here are a JPEG copy")
    assert told[3].startswith("exploratory: nobody planned these")


def test_a_line_must_be_named(capsys):
    assert main(["evidence", "--ask", "pca - random"]) == 2
    assert "name one, --line KEY" in capsys.readouterr().err


def test_a_best_value_is_of_an_option_that_rows_have(capsys):
    assert main(["evidence", "--line", "difficulty-cifar10", "--ask", "best crop of el2n#10"]) == 2
    assert "unknown option with a best value 'crop' - did you mean" in capsys.readouterr().err
