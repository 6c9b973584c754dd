"""Robustness drawn: a panel per measure, with what was done to the images."""

import io

import pandas as pd

from rdc_kit.study.figures.robustness import stress_figure

from .conftest import arm_rows


def test_stress_has_a_panel_per_measure():
    facts = {"severity": 1, "eps": 2 / 255, "images": 18}
    facts |= {"clean": 90.0, "corrupted": 80.0, "worst_class": 50.0, "crop_low": 0.5}
    values = {"random": ({"family": "baseline"}, [1, 2]), "pca": ({}, [3, 5])}
    values |= {"random cutout=0.5": ({"family": "baseline", "cutout": 0.5}, [7, 8])}
    table = arm_rows(values, **facts)
    table["pgd"] = table["top1"]
    figure = stress_figure(pd.read_csv(io.StringIO(table.to_csv(index=False))))
    titles = [ax.get_title(loc="left") for ax in figure.axes]
    assert titles == ["clean", "corrupted, severity 1", "PGD, eps = 2/255", "worst class, clean"]
    names = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert [name.split(",")[0] for name in names] == ["Random", "PCA", "Random"]
    assert len(set(names)) == 3
    assert "n = 2 seeds" in figure.get_suptitle()
    assert "18 test images" in figure.get_suptitle()
    means = table.groupby("arm", sort=False)["pgd"].mean()
    shown = {line.get_xdata()[0] for line in figure.axes[2].lines}
    assert shown == set(means)
