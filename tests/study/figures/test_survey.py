"""The survey's table has everything that was looked for, and its figure shows what can be shown."""

import shutil

import pandas as pd

from rdc_kit.data.survey import survey
from rdc_kit.study.figures.survey import left_aligned, places_table, survey_figure, survey_table

from ...conftest import picture


def test_the_table_counts_and_the_figure_shows(tmp_path):
    for split, first in (("train", 0), ("val", 50)):
        for k, name in enumerate("ab"):
            picture(tmp_path / split / name / "0.png", first + k)
    name = f"folder:{tmp_path}"
    clean = survey_table(survey(name, 16))
    assert clean["found"].sum() == 0
    assert len(clean) == 18  # eight of each split, two of both
    empty = survey_figure(survey(name, 16))
    said = "18 things looked for, none found: there is no image to show"
    assert [note.get_text() for ax in empty.axes for note in ax.texts] == [said]
    (tmp_path / "train" / "a" / "notes.txt").write_text("what has no picture")
    other = survey_figure(survey(name, 16))
    said = "18 things looked for, 1 found, none of which is an image to show"
    assert [note.get_text() for ax in other.axes for note in ax.texts] == [said]
    (tmp_path / "train" / "a" / "notes.txt").unlink()
    shutil.copy(tmp_path / "train/a/0.png", tmp_path / "val/b/leak.png")
    found = survey(name, 16)
    table = survey_table(found).set_index("looked for")
    row = table.loc["test images that are in the training split too"]
    assert row["found"] == 1
    assert row["for instance"] == "val/b/leak.png [b] = train/a/0.png [a]"
    figure = survey_figure(found)
    assert sum(bool(ax.images) for ax in figure.axes) == 2
    assert figure.axes[0].texts[-1].get_text().endswith("too: 1")
    assert [ax.texts[0].get_text() for ax in figure.axes[:2]] == [
        "b",
        "a",
    ]  # the copy, the original
    shapes = {ax.images[0].get_array().shape for ax in figure.axes if ax.images}
    assert shapes == {(128, 128, 3)}  # a mosaic of 16 px is recognised by nobody
    first, second = (ax.images[0].get_array() for ax in figure.axes[:2])
    assert (first == second).all()


def test_every_place_has_a_row_and_what_was_not_found_has_one_without(tmp_path):
    for k, name in enumerate("ab"):
        picture(tmp_path / "train" / name / "0.png", k)
        picture(tmp_path / "val" / name / "0.png", k + 50)
    for k in range(7):
        shutil.copy(tmp_path / "train/a/0.png", tmp_path / f"val/a/leak{k}.png")
    found = survey(f"folder:{tmp_path}", 16)
    table = places_table(found)
    assert list(table["finding"].unique()) == list(found.counts)
    leaks = table.loc[table["finding"] == "test images that are in the training split too", "place"]
    assert list(leaks) == [f"val/a/leak{k}.png [a] = train/a/0.png [a]" for k in range(7)]
    none = table.loc[table["finding"] == "train: images that come twice", "place"]
    assert list(none) == [""]


def test_the_table_in_a_notebook_is_left_aligned_and_cuts_no_name(tmp_path):
    """Of two pairs of file names the second was cut, and all stood on the right."""
    long = "IMG_2024_05_of_the_camera_at_the_lake_" * 3
    for split, first in (("train", 0), ("val", 50)):
        for k, name in enumerate("ab"):
            picture(tmp_path / split / name / "0.png", first + k)
    for k in range(2):
        shutil.copy(tmp_path / "train/b/0.png", tmp_path / f"val/b/{long}{k}.png")
    with pd.option_context("display.max_colwidth", 120):
        html = left_aligned(survey_table(survey(f"folder:{tmp_path}", 16))).to_html()
    assert f"val/b/{long}0.png [b] = train/b/0.png [b]; val/b/{long}1.png [b] = train/b/0" in html
    assert "text-align: left" in html
    assert "#T_survey" in html  # the same in every run
