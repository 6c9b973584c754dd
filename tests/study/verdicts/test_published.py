"""The published numbers: status and source beside each."""

import pytest

from rdc_kit.study.verdicts import published


def test_published_numbers_carry_status_and_source():
    table = published.published()
    assert len(table) > 80
    assert set(table["status"]) <= {"exact", "second-hand", "second-hand-x2"}
    assert table["source"].notna().all()
    assert table["top1"].between(0, 100).all()
    row = published.published(dataset="imagenet-1k", labels="hard", method="pca", ipc=10)
    assert (row["top1"][0], row["status"][0]) == (22.8, "second-hand")
    assert published.published(method="lpld", labels="hard").empty  # missing stays missing
    with pytest.raises(ValueError, match="no column 'label'"):
        published.published(label="hard")
