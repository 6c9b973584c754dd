"""The authors' released sets, read from a local copy of the Hub's layout."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

import rdc_kit as rdc
from rdc_kit.__main__ import main
from rdc_kit.data import released
from rdc_kit.data.imagesets import DataError

KEY = "hub:he-yang/2025-rethinkdc-imagenet-sre2l-ipc-10"


def png(seed, side=32):
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    return buffer.getvalue(), pixels


@pytest.fixture
def copies(tmp_path, monkeypatch):
    """A local copy as the Hub has it: several parquet files, `image` and `class_id`, no names."""
    import datasets

    home = tmp_path / "copies" / KEY.rpartition("/")[2] / "data"
    home.mkdir(parents=True)
    kinds = {"image": datasets.Image(), "class_id": datasets.Value("int64")}
    for part in range(2):
        rows = range(6 * part, 6 * part + 6)
        columns = {
            "image": [{"bytes": png(k)[0], "path": None} for k in rows],
            "class_id": [k % 4 for k in rows],
        }
        table = datasets.Dataset.from_dict(columns, features=datasets.Features(kinds))
        table.to_parquet(str(home / f"train-0000{part}-of-00002.parquet"))
    monkeypatch.setenv("RDC_DATA", str(tmp_path / "copies"))
    monkeypatch.delenv("IMAGENET_VAL_DIR", raising=False)
    return tmp_path


def validation(root, names):
    for k, name in enumerate(names):
        (root / name).mkdir(parents=True)
        (root / name / "x.png").write_bytes(png(100 + k)[0])
    return root


def test_every_released_set_is_named_once():
    named = [(name, ipc) for name, ipcs in released.RELEASED.items() for ipc in ipcs]
    assert len(named) == len(set(named)) == 6 + 10 * 3
    for name, ipc in named:
        facts = released.facts_of(f"{released.PREFIX}{name}-ipc-{ipc}")
        assert facts == {"method": name, "ipc": ipc}
    assert set(released.RELEASED) == set(rdc.METHODS) - {"noise", "pca"}


def test_a_set_is_read_with_its_method_and_without_a_test_split(copies):
    pool, test = rdc.load(KEY, size=32)
    assert test is None
    assert pool.labels.tolist() == [k % 4 for k in range(12)]
    assert torch.equal(pool.images[7], torch.from_numpy(png(7)[1]).permute(2, 0, 1))
    facts = pool.provenance
    assert (facts["method"], facts["ipc"], facts["label_column"]) == ("sre2l", 10, "class_id")
    assert rdc.load(KEY).train.size == 224  # the released sets' own size
    with pytest.raises(DataError, match="set IMAGENET_VAL_DIR"):
        rdc.evaluate(pool, test)


def test_the_validation_folder_is_the_test_set_its_classes_in_sorted_order(
    copies, monkeypatch, exact
):
    names = ["n03", "n01", "n02", "n04"]
    monkeypatch.setenv("IMAGENET_VAL_DIR", str(validation(copies / "val", names)))
    pool, test = rdc.load(KEY, size=32)
    assert test.labels.tolist() == [0, 1, 2, 3]
    second = torch.from_numpy(png(100)[1]).permute(2, 0, 1)  # "n03" is third in order
    assert torch.equal(test.images[2], second)
    protocol = rdc.protocols.hard(epochs=1)
    judged = rdc.evaluate(pool, test, protocol, 1, "convnet2-w8", runtime=exact)
    assert len(judged.rows[0]["per_class"]) == 4
    assert (pool.provenance["method"], pool.provenance["ipc"]) == ("sre2l", 10)  # by its name


def test_a_validation_folder_that_does_not_fit_is_refused(copies, monkeypatch):
    monkeypatch.setenv("IMAGENET_VAL_DIR", str(validation(copies / "val", ["a", "b"])))
    with pytest.raises(DataError, match="has 2 class folders, the set has 4 classes"):
        rdc.load(KEY, size=32)
    monkeypatch.setenv("IMAGENET_VAL_DIR", str(copies / "nowhere"))
    with pytest.raises(DataError, match="is not a folder"):
        rdc.load(KEY, size=32)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("sre2l-ipc-1", "was not released: sre2l has images per class 10, 50, 100"),
        ("random-ipc-30", "random has images per class 1, 10, 20, 50, 100, 200"),
        ("pca-ipc-10", "with METHOD of random, sre2l, cda"),
        ("sre2l", "use he-yang/2025-rethinkdc-imagenet-METHOD-ipc-N"),
    ],
)
def test_asking_for_what_does_not_exist_says_what_does(name, message, capsys):
    with pytest.raises(DataError, match=message):
        rdc.load(f"hub:{released.PREFIX}{name}")
    call = ["benchmark", "--dataset", f"hub:{released.PREFIX}{name}", "--plan"]
    assert main(call) == 2
    assert "was not released" in capsys.readouterr().err
