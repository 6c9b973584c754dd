"""Columns of a table of images: labels that are none, classes without an image, paths."""

import rdc_kit as rdc

from ..conftest import picture
from .conftest import _value, encoded, image_features, parquet, refuses


def test_labels_that_are_no_integers(tmp_path):
    features = image_features({"label": _value("string")})
    path = parquet(tmp_path / "a.parquet", {"image": [encoded(0)], "label": ["cat"]}, features)
    refuses(f"parquet:{path}", "'label'", "holds texts", "class_encode_column('label')")


def test_lists_of_unequal_length_are_refused_as_lists(tmp_path):
    """The error was numpy's, of an inhomogeneous shape."""
    features = image_features({"label": [_value("int64")]})
    columns = {"image": [encoded(0), encoded(1)], "label": [[0], [0, 1]]}
    path = parquet(tmp_path / "a.parquet", columns, features)
    refuses(f"parquet:{path}", "'label'", "holds lists, expected whole numbers")


def test_missing_labels_are_named_before_anything_is_decoded(tmp_path, fresh_home):
    """The message named a row of no split, after the training split had been decoded."""
    features = image_features({"label": _value("int64")})
    images = [encoded(k) for k in range(4)]
    for name, labels in (("train", [0, 1, 0, 1]), ("validation", [0, -1, 1, -1])):
        parquet(tmp_path / "s" / f"{name}.parquet", {"image": images, "label": labels}, features)
    refuses(f"parquet:{tmp_path / 's'}", "row 1 of", "[validation]", "no label", "2 such rows")
    assert not (fresh_home / "data" / "cache").exists()
    path = parquet(tmp_path / "a.parquet", {"image": images, "label": [0, 1, None, 1]}, features)
    refuses(f"parquet:{path}", "row 2 of", "but None (1 such rows): remove these rows")


def test_numbers_without_an_image_are_no_classes(tmp_path):
    """Labels 1, 2, 3 had a class "0" that no image shows, and a network an output for it."""
    features = image_features({"label": _value("int64")})
    images = [encoded(k) for k in range(3)]
    path = parquet(tmp_path / "a.parquet", {"image": images, "label": [1, 2, 3]}, features)
    refuses(f"parquet:{path}", "numbers up to 3", "and 0 is none of them", "from 0 without gaps")


def test_paths_in_a_table_start_at_its_folder(tmp_path, monkeypatch):
    """Whether such a table could be loaded hung on the working folder."""
    for k in range(2):
        picture(tmp_path / "t" / "images" / f"{k}.png", k)
    (tmp_path / "t" / "train.csv").write_text("image,label\nimages/0.png,0\nimages/1.png,1\n")
    for folder in (tmp_path, tmp_path / "t"):
        monkeypatch.chdir(folder)
        assert len(rdc.load(f"parquet:{tmp_path / 't'}", 16 + len(folder.name)).train) == 2
