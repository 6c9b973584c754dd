"""The benchmark's table looked through: filtered, sorted, beside the published numbers."""

import pytest

from rdc_kit.study.explorers import browser

from .conftest import published_numbers, some_runs, texts


def test_the_benchmark_is_filtered_sorted_and_put_beside_the_published():
    lines = browser.benchmark_lines(some_runs(), published_numbers(), labels="hard", ipc=10)
    assert lines["arm"].tolist() == ["pca", "random"]
    assert lines["top1"].tolist() == [41, 31]
    assert lines["n"].tolist() == [2, 2]
    assert lines["sd"].tolist() == pytest.approx([2**0.5] * 2)
    assert lines["published"].tolist() == [22.8, 4.6]
    one = browser.benchmark_lines(some_runs(), published_numbers(), ipc=1, family="pca")
    assert one["published"].isna().all()
    moved = browser.benchmark_lines(
        some_runs(), published_numbers(), ipc=1, sort="published accuracy", published_ipc="10"
    )
    assert moved["published"].tolist()[:2] == [22.8, 4.6]
    assert moved["ipc"].tolist() == [1] * 4


def test_the_benchmarks_picture_writes_the_numbers():
    figure = browser.render_benchmark(some_runs(), published_numbers(), ipc=10, labels="hard")
    written = " ".join(texts(figure))
    assert " 41.0 ± 1.4   2    22.8" in written
    assert [t.get_text() for t in figure.axes[0].get_yticklabels()] == ["PCA", "Random"]
    with pytest.raises(ValueError, match="no run with family 'pca', labels 'hard' and ipc 3"):
        browser.render_benchmark(some_runs(), family="pca", labels="hard", ipc=3)
    with pytest.raises(ValueError, match="unknown order 'best'"):
        browser.render_benchmark(some_runs(), sort="best")
