"""Bad input of every kind: one clear sentence, exit status 2, before anything is trained."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import rdc_kit as rdc
from rdc_kit.__main__ import main
from rdc_kit.commands import run, study
from rdc_kit.ground import folders
from rdc_kit.notebook.parameters import PARAMETERS
from rdc_kit.train import training

from .conftest import colour_blocks, picture

NOTEBOOK = {path.name[:2]: str(path) for path in folders.notebooks_dir().glob("*.ipynb")}


@pytest.fixture(autouse=True)
def nothing_is_trained(monkeypatch, fresh_home):
    def trains(*given, **more):
        raise AssertionError("something is trained")

    monkeypatch.setattr(training, "_train_epoch", trains)
    monkeypatch.setattr(run, "_supervise", trains)
    monkeypatch.setattr(study, "_side_by_side", trains)


def refused(capsys, home, words, *told):
    """The call exits 2 with one sentence on stderr, and leaves nothing but decoded images."""
    code = None
    try:
        code = main([str(word) for word in words])
    except SystemExit as ended:  # argparse's own refusals, after its usage
        code = ended.code
    said = capsys.readouterr().err.strip()
    assert code == 2, (words, code, said)
    for text in told:
        assert text in said.splitlines()[-1], said
    assert "Traceback" not in said
    left = [p for p in home.rglob("*") if p.is_file() and "cache" not in p.parts and p.suffix]
    left = [p for p in left if p.suffix not in (".lock", ".arrow") and ".cache" not in str(p)]
    assert not [p for p in left if "hf" not in p.parts], left


COMPRESS = ["compress", "pca", "--out", "OUT"]
SELECT = ["select", "--out", "OUT"]
HARD = ["benchmark", "--methods", "random", "--labels", "hard", "--plan"]
VERBS = [
    (["benhc"], "invalid choice: 'benhc'"),
    ([], "all verbs"),
    (["compress"], "required: --out, method"),
    (["compress", "pcaa", "--out", "OUT"], "unknown method 'pcaa' - did you mean 'pca'"),
    ([*COMPRESS, "--ipc", "0"], "ipc must be a whole number of at least 1"),
    ([*COMPRESS, "--ipc", "-3"], "ipc must be a whole number of at least 1"),
    ([*COMPRESS, "--ipc", "1.5"], "invalid int value"),
    ([*COMPRESS, "--ipc", "100000"], "400000 are asked"),
    ([*COMPRESS, "--ipc", "40"], "160 are asked"),
    ([*COMPRESS, "--dataset", "digit"], "did you mean 'digits'"),
    ([*COMPRESS, "--dataset", ""], "unknown"),
    ([*COMPRESS, "--dataset", "folder:"], "folder"),
    ([*COMPRESS, "--dataset", "folder:/no/such"], "'/no/such' does not exist"),
    ([*COMPRESS, "--dataset", "parquet:/no/such"], "'/no/such' does not exist"),
    ([*COMPRESS, "--dataset", "hub:"], "hub"),
    ([*COMPRESS, "--size", "4"], "size must be a whole number of pixels from 8 to 1024"),
    ([*COMPRESS, "--size", "100000"], "size must be a whole number of pixels from 8 to 1024"),
    ([*COMPRESS, "--size", "big"], "invalid int value"),
    ([*COMPRESS, "--device", "gpu"], "gpu"),
    ([*COMPRESS, "--device", "cuda:99"], "cuda:99"),
    ([*COMPRESS, "--on-bad", "ignore"], "invalid choice"),
    ([*COMPRESS, "--seed", "x"], "invalid int value"),
    ([*COMPRESS, "--seed", "-1"], "seed"),
    (["compress", "random", "--out", "FULL"], "exists"),
    (["compress", "random", "--out", "FILE/a"], "FILE"),
    (["score", "--epochs", "0"], "epochs"),
    (["score", "--epochs", "-2"], "epochs"),
    (["score", "--dataset", "nope"], "unknown"),
    (["score", "--out", "FULL"], "folder"),
    (["score", "--out", "FILE"], "exists and is none of these tables"),
    (["score", "--out", "NAMES.csv"], "exists and is none of these tables"),
    (["score", "--device", "tpu"], "tpu"),
    (["score", "--seed", "-1"], "seed must be a whole number of at least"),
    (["score", "--seed", "x"], "invalid int value"),
    (["score", "--out", "OUT"], "must end in .parquet or .csv"),
    (["score", "--collect", "OUT"], "no scoring run of digits at 32 px is finished here"),
    (["score", "--collect", "FILE"], "is a file"),
    (["score", "--collect", "OUT", "--out", "s.csv"], "--out means nothing to score --collect"),
    (["score", "--collect", "OUT", "--seed", "3"], "--seed means nothing to score --collect"),
    (["score", "--collect", "OUT", "--epochs", "5"], "--epochs means nothing to score --collect"),
    (["doctor", "--size", "64"], "--size means nothing to doctor without `data NAME`"),
    (["doctor", "--all"], "--all means nothing to doctor without `data NAME`"),
    (["select"], "required: --out"),
    (SELECT, "--order easy needs --scores, a file that `rdc score` writes"),
    ([*SELECT, "--order", "esy"], "unknown order 'esy' - did you mean 'easy'"),
    ([*SELECT, "--scores", "OUT"], "is no score file"),
    ([*SELECT, "--scores", "FULL"], "is no score file"),
    ([*SELECT, "--scores", "FILE"], "cannot be read as a score file"),
    ([*SELECT, "--scores", "BROKEN.csv"], "content_hashes(pool.images)"),
    ([*SELECT, "--scores", "NAMES.csv"], "the images of digits have no file names"),
    ([*SELECT, "--scores", "OTHER.csv"], "scores for 0 of the 1347 images of digits at 32 px"),
    ([*SELECT, "--scores", "OTHER.csv", "--metric", "aum"], "unknown score in OTHER.csv 'aum'"),
    (
        [*SELECT, "--scores", "OTHER.csv", "--seed", "-1"],
        "seed must be a whole number of at least 0",
    ),
    ([*SELECT, "--scores", "OTHER.csv", "--dataset", "digit"], "did you mean 'digits'"),
    ([*SELECT, "--scores", "OTHER.csv", "--skip", "x"], "invalid float value"),
    ([*SELECT, "--order", "random", "--metric", "aum"], "--metric aum needs --scores, the file"),
    (["select", "--scores", "OTHER.csv", "--out", "FULL"], "exists"),
    (["publish", "OUT"], "required: folder"),
    (["publish", "FULL", "OUT"], "is no saved set"),
    (["publish", "FILE", "OUT"], "is no saved set"),
    (["publish", "FILE", "FULL"], "exists"),
    (["run", "no-such.ipynb"], "no-such.ipynb"),
    (["run", "FULL"], "FULL"),
    (["run", "FILE"], "FILE"),
    (["run", "BROKEN.ipynb"], "BROKEN.ipynb"),
    (["run", NOTEBOOK["00"], "-p", "epohcs", "3"], "did you mean 'epochs'"),
    (["run", NOTEBOOK["00"], "--timeout", "soon"], "expected a number above 0"),
    (["run", NOTEBOOK["00"], "--timeout", "nan"], "timeout"),
    (["run", NOTEBOOK["00"], "--timeout", "-1"], "timeout"),
    (["run", NOTEBOOK["00"], "--workers", "many"], "workers"),
    (["run", NOTEBOOK["00"], "--workers", "0"], "workers"),
    (["run", NOTEBOOK["00"], "-p", "ipc", "1", "-p", "ipc", "10"], "ipc is given twice, '1' and"),
    (["study", "-p", "ipc", "1", "-p", "ipc", "1"], "ipc is given twice"),
    (["study", "--profile", "smoke", "-p", "profile", "paper"], "means nothing to study with -p"),
    (["study", "--dataset", "digitz"], "did you mean 'digits'"),
    (["study", "--profile", "large"], "profile"),
    (["study", "-p", "epohcs", "3"], "epohcs"),
    (["study", "--workers", "-1"], "workers"),
    (["study", "--timeout", "nan"], "timeout"),
    (["claims", "--results", "here"], "runs, evidence or a folder"),
    (["claims"], "there are no results in runs"),
    (
        ["figures", "--results", "evidence", "--out", "FILE"],
        "FILE is a file: name a folder for the",
    ),
    (["figures", "--results", "evidence", "--out", "FILE/x"], "FILE is a file (Not a directory)"),
    (["figures", "--results", "here"], "runs, evidence or a folder"),
    (["figures"], "there are no results in runs"),
    (["evidence", "--line", "no-line"], "unknown line 'no-line'"),
    (["evidence", "--workers", "foo"], "workers must be 'auto' or a whole number"),
    (["evidence", "--workers", "3"], "--workers 3 measures nothing without --minutes: leave it"),
    (["evidence", "--minutes", "long"], "expected a number above 0"),
    (["evidence", "--minutes", "nan"], "minutes"),
    (["evidence", "--minutes", "-5"], "minutes"),
    (["evidence", "--minutes", "1", "--check"], "--check and --ask measure nothing"),
    (["evidence", "--minutes", "1", "--ask", "pca - random"], "--check and --ask measure nothing"),
    (["evidence", "--check", "--again"], "--again: not allowed with argument --check"),
    (["evidence", "--ask", "pca", "--check"], "--check: not allowed with argument --ask"),
    (["evidence", "--again", "--ask", "pca"], "--ask: not allowed with argument --again"),
    (["gpu", "--minutes", "0"], "minutes"),
    (["gpu"], "needs a CUDA GPU"),
    (["notebooks"], "required: folder"),
    (["notebooks", "FILE"], "FILE"),
    (["benchmark", "--methods", "pcaa"], "did you mean 'pca'"),
    (["benchmark", "--ipc", "0"], "ipc"),
    (["benchmark", "--ipc", "5000"], "are asked of each class"),
    (["benchmark", "--ipc", "x"], "invalid int value"),
    (["benchmark", "--labels", "firm"], "firm"),
    (["benchmark", "--protocols", "rdedd"], "did you mean 'rded'"),
    (["benchmark", "--students", "resnet17"], "unknown network 'resnet17'"),
    (["benchmark", "--students", "convnet0-w8"], "convnet0-w8"),
    (["benchmark", "--students", "convnet9-w8"], "depth 9 needs images of 512 px"),
    (["benchmark", "--seeds", "0"], "seeds"),
    (["benchmark", "--seeds", "-1"], "seeds"),
    (["benchmark", "--epochs", "0"], "epochs must be a whole number of at least 1"),
    (["benchmark", "--teacher", "resnet17"], "resnet17"),
    (["benchmark", "--teacher", "swin_t"], "layer norm"),
    (["benchmark", "--teacher-epochs", "0"], "teacher"),
    (["benchmark", "--iterations", "0"], "iterations"),
    (["benchmark", "--iterations", "-4"], "iterations"),
    (["benchmark", "--frozen", "sets"], "did you mean 'set'"),
    ([*HARD, "--iterations", "7"], "no run needs --iterations 7: leave it out, or add a method"),
    (
        [*HARD, "--teacher-epochs", "3"],
        "no run needs --teacher-epochs 3: leave it out, or add soft",
    ),
    ([*HARD, "--frozen", "teacher"], "no run needs --frozen teacher: leave it out, or add soft"),
    ([*HARD, "--frozen", "set", "scoring"], "no run needs --frozen scoring: leave it out, or add"),
    (["benchmark", "--size", "7"], "size"),
    (["benchmark", "--out", "FULL"], "folder"),
    (["benchmark", "--out", "FILE"], "FILE exists and is none of these tables"),
    (["benchmark", "--out", "FILE/x.csv"], "FILE is a file (Not a directory): name another place"),
    (["compress", "pca", "--out", "FILE/set"], "FILE is a file"),
    (["score", "--out", "FILE/deeper/s.csv"], "FILE is a file"),
    (["select", "--scores", "NAMES.csv", "--out", "FILE/set"], "FILE is a file"),
    (["benchmark", "--workers", "2.5"], "workers"),
    (["speed", "--rounds", "0"], "rounds"),
    (["speed", "--growth", "--out", "README.md/x.csv"], "cannot be written"),
    (["benchmark", "--methods", "all", "el3n", "--plan"], "unknown method 'el3n'"),
    (["speed", "--batch", "0"], "batch"),
    (["speed", "--student", "resnet17"], "resnet17"),
    (["speed", "--size", "0"], "size must be a whole number of pixels from 8 to 1024, got 0"),
    (["speed", "--explorers", "--size", "0"], "size must be at least 8 pixels, got 0"),
    (["speed", "--grid", "digitz"], "unknown dataset of speed --grid 'digitz' - did you mean"),
    (["speed", "--grid", "digits", "cifar-10"], "'cifar-10' - did you mean 'cifar10'?"),
    (["speed", "--growth", "--neighbour"], "--neighbour: not allowed with argument --growth"),
    (["speed", "--replay", "--grid", "digits"], "--grid: not allowed with argument --replay"),
    (["speed", "--grid", "digits", "--size", "64"], "--size means nothing to speed --grid"),
    (["speed", "--grid", "digits", "--device", "cuda"], "--device means nothing to speed --grid"),
    (["speed", "--explorers", "--student", "resnet50"], "--student means nothing to speed"),
    (["speed", "--runs", "4"], "--runs means nothing to speed without --grid: leave it out"),
    (["speed", "--runs", "-1", "--grid", "digits"], "at least one run"),
    (["speed", "--out", "FULL"], "FULL is a folder: name a file, such as"),
    (["speed", "--growth", "--out", "FILE"], "FILE exists and is none of these tables: name"),
]


def placed(words, folder):
    """FULL, FILE, OUT and the names with a suffix become paths of these kinds."""
    full = folder / "FULL"
    full.mkdir()
    (full / "kept").write_text("mine")
    (folder / "FILE").write_text("mine")
    (folder / "BROKEN.ipynb").write_text("{")
    (folder / "BROKEN.csv").write_text("row_id,el2n\n0,1.0\n")
    (folder / "NAMES.csv").write_text("file_name,el2n\na.png,1.0\n")
    (folder / "OTHER.csv").write_text("content,el2n\n00ff00ff00ff00ff,1.0\n")
    kinds = ("FULL", "FILE", "OUT", "BROKEN.ipynb", "BROKEN.csv", "NAMES.csv", "OTHER.csv")
    return [str(folder / w) if str(w).split("/")[0] in kinds else w for w in words]


@pytest.mark.parametrize(("words", "told"), VERBS, ids=[" ".join(w)[-60:] for w, _ in VERBS])
def test_a_wrong_call_is_refused(words, told, capsys, fresh_home, tmp_path):
    given = placed(words, tmp_path)
    refused(capsys, fresh_home, given, told)
    assert (tmp_path / "FULL" / "kept").read_text() == "mine"
    assert (tmp_path / "FILE").read_text() == "mine"
    assert not (tmp_path / "OUT").exists()


WRONG = {
    "dataset": ["digitz", "", "folder:/no/such", "folder:", "ftp:x"],
    "size": ["-1", "4", "x", "2000"],
    "ipc": ["0", "-1", "1.5", "x"],
    "ipcs": ["0", "1,x", "", "-1 2", "1.5"],
    "teacher": ["resnet17", "swin_t"],
    "grid": ["0", "-1", "x"],
    "students": ["resnet17", "convnet0-w8"],
    "results": ["here"],
    "seeds": ["-1", "x", "1.5"],
    "epochs": ["-1", "x"],
    "on_bad": ["ignore", ""],
    "profile": ["large", ""],
    "device": ["gpu", "cuda:99"],
}
HOMES = {"ipcs": "01", "teacher": "01", "students": "06", "results": "91", "on_bad": "09"}


def test_every_parameter_of_every_notebook_is_in_the_table():
    assert set(WRONG) == set(PARAMETERS)


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in WRONG.items() for value in values]
)
def test_a_wrong_parameter_is_refused(name, value, capsys, fresh_home):
    path = NOTEBOOK[HOMES.get(name, "00")]
    refused(capsys, fresh_home, ["run", path, "-p", name, value], name)


@pytest.mark.parametrize("value", ["abc", "-1", "0", "nan"])
def test_a_wrong_memory_budget_is_refused(value, capsys, fresh_home, monkeypatch, tmp_path):
    monkeypatch.setenv("RDC_MEMORY_GB", value)
    assert main(["methods"]) == 0
    capsys.readouterr()
    refused(capsys, fresh_home, [*COMPRESS[:3], tmp_path / "OUT"], "RDC_MEMORY_GB must be")


def image(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def empty(folder):
    folder.mkdir()


def no_class(folder):
    picture(folder / "train" / "a.png", 0)


def no_images(folder):
    (folder / "train" / "a").mkdir(parents=True)


def broken(folder):
    picture(folder / "train" / "a" / "0.png", 0).write_bytes(b"no image")


def no_train(folder):
    picture(folder / "val" / "a" / "0.png", 0)


def more_in_test(folder):
    picture(folder / "train" / "a" / "0.png", 0)
    picture(folder / "val" / "b" / "0.png", 0)


def floats(folder):
    image(folder / "train" / "a" / "0.tif", np.full((20, 20), 300, np.float32))


def narrow(folder):
    image(folder / "train" / "a" / "0.png", np.zeros((1, 5000, 3), np.uint8))


DATA = [
    (empty, "no class folders"),
    (no_class, "no class folders"),
    (no_images, "no images"),
    (broken, "cannot be decoded"),
    (no_train, "no train/"),
    (more_in_test, "has classes that"),
    (floats, "floats beyond 0..1"),
    (narrow, "too narrow"),
]


@pytest.mark.parametrize(("make", "told"), DATA, ids=[make.__name__ for make, _ in DATA])
def test_wrong_data_is_refused(make, told, capsys, fresh_home, tmp_path):
    folder = tmp_path / "pictures"
    make(folder)
    call = ["compress", "random", "--ipc", "1", "--dataset", f"folder:{folder}"]
    refused(capsys, fresh_home, [*call, "--size", "16", "--out", tmp_path / "OUT"], told)


@pytest.mark.parametrize(
    ("image", "told"),
    [
        (
            "train/a/0.png",
            "a single class folder, 'a': give the folder that has one for each class",
        ),
        ("mine/train/a/0.png", "a single class folder, 'mine': give folder:"),
        ("0.png", "has no class folders: expected"),
    ],
)
def test_a_folder_without_classes_to_tell_apart_is_refused(
    image, told, capsys, fresh_home, tmp_path
):
    picture(tmp_path / "pictures" / image, 0)
    call = ["run", NOTEBOOK["09"], "-p", "dataset", f"folder:{tmp_path / 'pictures'}"]
    refused(capsys, fresh_home, call, told)
    call[-1] += f"/{image}"
    refused(capsys, fresh_home, call, "is no folder")


def saved(folder):
    from rdc_kit.data.saving import save

    save(rdc.compress("random", colour_blocks(), 1), folder)


@pytest.mark.parametrize("content", ["", "{", "[]", "3", '{"members": 1'])
def test_nonsense_beside_a_saved_set_is_refused(content, capsys, fresh_home, tmp_path):
    folder = tmp_path / "set"
    saved(folder)
    (folder / "rdc.json").write_text(content)
    call = ["compress", "random", "--ipc", "1", "--dataset", f"parquet:{folder}", "--size", "16"]
    refused(capsys, fresh_home, [*call, "--out", tmp_path / "OUT"], "not what save wrote")


POOL = colour_blocks()
SCORES = rdc.Scores.of(POOL, "mine", torch.arange(len(POOL)))
CALLS = {
    "seeds twice": (lambda: rdc.evaluate(POOL, POOL, seeds=[0, 0]), "different seeds"),
    "no seeds": (lambda: rdc.evaluate(POOL, POOL, seeds=0), "at least 1"),
    "checkpoint of several": (
        lambda: rdc.evaluate(POOL, POOL, seeds=2, checkpoint=folders.data_dir() / "c"),
        "one seed at a time",
    ),
    "a list as labels": (lambda: rdc.from_tensors(POOL.images, POOL.labels.tolist()), "labels"),
    "float labels": (lambda: rdc.from_tensors(POOL.images, POOL.labels.float()), "labels"),
    "one-hot labels": (
        lambda: rdc.from_tensors(POOL.images, POOL.labels[:, None].expand(-1, 3)),
        "labels",
    ),
    "a far label": (lambda: rdc.from_tensors(POOL.images, POOL.labels + 10**12), "label"),
    "a negative label": (lambda: rdc.from_tensors(POOL.images, POOL.labels - 1), "label"),
    "float images": (lambda: rdc.from_tensors(POOL.images.float(), POOL.labels), "uint8"),
    "no images": (lambda: rdc.from_tensors(POOL.images[:0], POOL.labels[:0]), "empty"),
    "unequal": (lambda: rdc.from_tensors(POOL.images[:2], POOL.labels), "2 images"),
    "too many": (lambda: rdc.select(POOL, None, 50, "random"), "50"),
    "an unknown order": (lambda: rdc.select(POOL, None, 1, "easiest"), "unknown order"),
    "no scores": (lambda: rdc.select(POOL, None, 1, "easy"), "needs scores"),
    "a large grid": (lambda: rdc.combine(POOL, grid=40), "grid"),
    "epochs": (lambda: rdc.protocols.hard(epochs=0), "epochs"),
    "a crop": (lambda: rdc.protocols.hard(crop=(0.5, 2)), "crop"),
    "a crop of nan": (lambda: rdc.protocols.hard(crop=(float("nan"), 1.0)), "crop"),
    "a cutout": (lambda: rdc.protocols.hard(cutout=2), "cutout"),
    "a rate of nan": (lambda: rdc.protocols.hard(lr=float("nan")), "lr"),
    "a field": (lambda: rdc.protocols.hard(epohcs=3), "did you mean 'epochs'"),
    "a mix": (lambda: rdc.protocols.hard(mix="cutmixup"), "mix"),
    "an option": (lambda: rdc.compress("pca", POOL, 1, gird=2), "did you mean 'grid'"),
    "iterations": (lambda: rdc.compress("sre2l", POOL, 1, iterations=0), "iterations"),
    "a list of methods": (lambda: rdc.compress([], POOL, 1), "unknown method []"),
    "no skip": (lambda: rdc.compress("aum", POOL, 1, skip=None), "skip must be a share"),
    "a text for beta": (lambda: rdc.select(POOL, SCORES, 1, "ccs", beta="a"), "0 <= beta < 1"),
    "scores of texts": (lambda: rdc.Scores("mine", "abc", POOL.row_ids), "must be numbers"),
    "listed row ids": (lambda: rdc.Scores("mine", [0.5], [0]), "must be the pool's: Scores.of"),
    "a list of protocols": (lambda: rdc.protocols.named([]), "unknown protocol []"),
    "a table for a protocol": (lambda: rdc.evaluate(POOL, POOL, {}), "of the kind Protocol"),
    "a path for a student": (
        lambda: rdc.evaluate(POOL, POOL, seeds=1, student=Path("convnet2-w8")),
        "a network is told by its name",
    ),
    "a text to measure by": (lambda: rdc.evaluate(POOL, POOL, also="x"), "also must be a function"),
    "a number for a teacher": (lambda: rdc.squeeze(POOL, 3, 1), "told by its name"),
    "a set for its traits": (lambda: rdc.make_view(POOL, 16), "of the kind Traits"),
    "like nothing": (lambda: POOL.like(None), "the pool must be of the kind ImageSet"),
    "saved nowhere": (lambda: POOL.save(None), "the folder must be a path, got None"),
    "used nothing": (lambda: rdc.use(None), "the file must be a path, got None"),
    "a weight of nan": (lambda: rdc.compress("sre2l", POOL, 1, weight=float("nan")), "weight"),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_wrong_value_in_python_is_refused(name, fresh_home):
    call, told = CALLS[name]
    with pytest.raises((ValueError, TypeError)) as error:
        call()
    assert told in str(error.value)
    assert len(str(error.value).splitlines()) == 1


def test_there_are_at_least_a_hundred():
    count = len(VERBS) + sum(map(len, WRONG.values())) + len(DATA) + len(CALLS)
    assert count >= 100
