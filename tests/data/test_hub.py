"""Tables of images that the `datasets` library reads."""

import os
import subprocess
import sys

import pytest
import torch

import rdc_kit as rdc
from rdc_kit.data import hub
from rdc_kit.data.origins import names_of
from rdc_kit.data.sources import open_source

from ..conftest import colour_blocks, picture
from .conftest import _value, encoded, image_features, parquet, refuses


@pytest.mark.parametrize("label", ["label", "class_id"])
def test_parquet_with_either_label_column(tmp_path, label):
    path = parquet(
        tmp_path / "some.parquet",
        {"image": [encoded(0), encoded(1, "L")], label: [1, 0]},
        image_features({label: _value("int64")}),
    )
    pool, test = rdc.load(f"parquet:{path}", size=16)
    assert pool.labels.tolist() == [1, 0]
    assert pool.provenance["label_column"] == label
    assert test is None


def test_sets_of_the_same_folder_name_are_not_mixed_up(tmp_path, fresh_home):
    """`datasets` caches a local folder by its last name: the second set came back as the first."""
    one, two = colour_blocks(per_class=2), colour_blocks(per_class=3, seed=1)
    one.save(tmp_path / "a" / "set")
    two.save(tmp_path / "b" / "set")
    for folder, saved in (("a", one), ("b", two), ("a", one)):
        found = rdc.load(f"parquet:{tmp_path / folder / 'set'}").train
        assert torch.equal(found.images, saved.images)
        assert torch.equal(found.labels, saved.labels)


@pytest.mark.parametrize("names", [["a.png", "sub/b.png"], ["a.png", None], [None, None]])
def test_the_names_in_a_table_are_kept_where_every_row_has_one(tmp_path, names, fresh_home):
    images = [encoded(k) | {"path": name} for k, name in enumerate(names)]
    features = image_features({"label": _value("int64")})
    path = parquet(tmp_path / "a.parquet", {"image": images, "label": [1, 0]}, features)
    pool = rdc.load(f"parquet:{path}", size=16).train
    found = pool.origins and pool.origins.of(pool.row_ids.numpy())["file_name"].tolist()
    assert found == (None if None in names else names)


@pytest.mark.parametrize("folder", ["plain", "odd [1]*"])
def test_files_are_named_from_their_folder_whatever_it_is_called(tmp_path, folder, fresh_home):
    """Where `datasets` takes a path for a pattern, every class had a 0.png and no folder."""
    (tmp_path / "disk").mkdir()
    fresh_home.mkdir()
    (fresh_home / "data").symlink_to(tmp_path / "disk")
    for k, name in enumerate("ab"):
        picture(tmp_path / folder / "train" / name / "0.png", k)
    pool = rdc.load(f"parquet:{tmp_path / folder}", 16).train
    assert names_of(pool) == ["train/a/0.png", "train/b/0.png"]


def test_missing_columns_name_those_found(tmp_path):
    path = parquet(tmp_path / "a.parquet", {"picture": ["x"], "label": [0]})
    refuses(f"parquet:{path}", "no image column", "found picture, label", "expected one of image")
    features = image_features({"target": _value("int64")})
    path = parquet(tmp_path / "b.parquet", {"image": [encoded(0)], "target": [0]}, features)
    refuses(f"parquet:{path}", "no label column", "found image, target", "class_id")


@pytest.mark.parametrize("order", [("train", "test"), ("test", "train")])
def test_numbers_without_names_are_classes_of_both_splits(tmp_path, order):
    features = image_features({"label": _value("int64")})
    for split, labels in zip(order, ([0, 1, 2], [1, 0]), strict=True):
        columns = {"image": [encoded(k) for k in labels], "label": labels}
        parquet(tmp_path / f"{split}.parquet", columns, features)
    splits = rdc.load(f"parquet:{tmp_path}", size=16)
    assert splits.train.classes == splits.test.classes == ("0", "1", "2")
    lacking = splits.test if order[1] == "test" else splits.train
    assert lacking.counts().tolist() == [1, 1, 0]


def test_splits_whose_classes_have_other_names_are_refused():
    import datasets

    tables = {}
    for split, names in (("train", ["cat", "dog"]), ("test", ["cat", "cow"])):
        features = image_features({"label": datasets.ClassLabel(names=names)})
        columns = {"image": [encoded(0), encoded(1)], "label": [0, 1]}
        tables[split] = datasets.Dataset.from_dict(columns, features=features)
    with pytest.raises(rdc.DataError, match="splits train and test name different classes"):
        hub._from_datasets(tables, "here", "", {})


@pytest.mark.parametrize(
    ("facts", "read"),
    [
        ('{"info": {"features": null}}', True),
        ('{"info": []}', True),
        ('{"info": null}', False),
        ("{", False),
    ],
)
def test_facts_that_another_program_left_empty_are_read_where_datasets_reads_them(
    tmp_path, facts, read
):
    """An AttributeError of NoneType, or a JSONDecodeError, where a sentence was due."""
    from pyarrow import Table
    from pyarrow import parquet as files

    path = tmp_path / "a.parquet"
    table = Table.from_pydict({"image": [encoded(0), encoded(1)], "label": [1, 0]})
    files.write_table(table.replace_schema_metadata({"huggingface": facts}), path)
    if read:
        assert rdc.load(f"parquet:{path}", size=16).train.labels.tolist() == [1, 0]
    else:
        refuses(f"parquet:{path}", "`datasets` cannot read", "expected parquet files")


@pytest.mark.parametrize("other", [["ant", "cat"], ["cat", "bee", "ant"]])
def test_files_whose_labels_stand_for_other_names_are_refused(tmp_path, other):
    """`datasets` gives all splits the first one's names: each cat of the test split was a bee."""
    import datasets

    for split, names in (("train", ["ant", "bee", "cat"]), ("test", other)):
        features = image_features({"label": datasets.ClassLabel(names=names)})
        columns = {"image": [encoded(k) for k in range(2)], "label": [0, 1]}
        datasets.Dataset.from_dict(columns, features=features).to_parquet(
            tmp_path / f"{split}.parquet"
        )
    refuses(f"parquet:{tmp_path}", "test.parquet", "name different classes", "column 'label'")


def test_plain_numbers_beside_named_classes_stand_for_those(tmp_path):
    import datasets

    kinds = {"train": datasets.ClassLabel(names=["ant", "bee"]), "test": _value("int64")}
    for split, kind in kinds.items():
        columns = {"image": [encoded(0), encoded(1)], "label": [1, 0]}
        made = datasets.Dataset.from_dict(columns, features=image_features({"label": kind}))
        made.to_parquet(tmp_path / f"{split}.parquet")
    splits = rdc.load(f"parquet:{tmp_path}", 16)
    assert splits.train.classes == splits.test.classes == ("ant", "bee")
    assert splits.test.labels.tolist() == [1, 0]


def test_labels_that_are_ids_or_lists_are_refused(tmp_path):
    """Three billion class names were made for two of them."""
    for name, kind, labels, said in (
        ("ids", _value("int64"), [3_000_000_001, 3_000_000_002], "over a million classes"),
        ("lists", [_value("int64")], [[1, 0], [0, 1]], "holds lists, expected whole numbers"),
    ):
        columns = {"image": [encoded(0), encoded(1)], "label": labels}
        path = parquet(tmp_path / f"{name}.parquet", columns, image_features({"label": kind}))
        refuses(f"parquet:{path}", said)


def test_an_image_column_without_images_is_refused(tmp_path):
    import datasets

    features = datasets.Features({"image": _value("int64"), "label": _value("int64")})
    path = parquet(tmp_path / "a.parquet", {"image": [1, 2], "label": [0, 1]}, features)
    refuses(f"parquet:{path}", "column 'image'", "holds no images", "int64")


@pytest.mark.parametrize("given", [{}, {"size": 16}])
def test_an_empty_cell_is_named_or_left_out_whether_a_size_is_given_or_not(tmp_path, given):
    features = image_features({"label": _value("int64")})
    columns = {"image": [encoded(0), None, encoded(1)], "label": [0, 1, 1]}
    path = parquet(tmp_path / "a.parquet", columns, features)
    refuses(f"parquet:{path}", "row 1 of", "the cell is empty", "on_bad='skip'", **given)
    pool = rdc.load(f"parquet:{path}", on_bad="skip", **given).train
    assert pool.row_ids.tolist() == [0, 2]
    assert pool.size == 16


def splits(folder, *names):
    features = image_features({"label": _value("int64")})
    for k, name in enumerate(names):
        columns = {"image": [encoded(2 * k), encoded(2 * k + 1)], "label": [0, 1]}
        parquet(folder / f"{name}.parquet", columns, features)
    return f"parquet:{folder}"


def test_a_source_without_a_training_split_is_refused(tmp_path):
    """The validation images were trained on."""
    refuses(splits(tmp_path / "a", "validation", "test"), "has validation, test but no train")


def test_a_split_that_is_not_read_is_noted(tmp_path):
    raws = open_source(splits(tmp_path / "b", "train", "validation", "test"))
    assert raws["test"].beside == ("split test (2 images)",)
    assert (raws["train"].called, raws["test"].called) == ("train", "validation")
    assert rdc.load(splits(tmp_path / "c", "train", "dev")).test is not None


def test_no_network_says_what_to_put_where(fresh_home):
    """In a process of its own: the Hub's client reads HF_HUB_OFFLINE when it is imported."""
    environment = {k: v for k, v in os.environ.items() if k != "RDC_DATA"} | {"HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-m", "rdc_kit", "compress", "random", "--dataset", "cifar10"]
    command += ["--out", str(fresh_home / "set")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 2
    for part in ("cannot load 'uoft-cs/cifar10'", "DIR/cifar10", "RDC_DATA=DIR"):
        assert part in done.stderr


def test_a_row_whose_path_leads_elsewhere_is_refused(tmp_path):
    """A parquet file must not be able to name any image of this machine."""
    import datasets

    secret = picture(tmp_path / "elsewhere" / "secret.png", 0)
    value = datasets.Value
    cell = {"bytes": value("binary"), "path": value("string")}
    features = datasets.Features({"image": cell, "label": value("int64")})
    rows = {"image": [{"bytes": None, "path": str(secret)}], "label": [0]}
    folder = tmp_path / "set"
    folder.mkdir()
    datasets.Dataset.from_dict(rows, features=features).to_parquet(str(folder / "a.parquet"))
    refuses(f"parquet:{folder / 'a.parquet'}", "leads out of", size=16)
