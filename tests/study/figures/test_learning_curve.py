"""The curve's figure: all runs as points, a solid line over the data and a dashed one beyond."""

import numpy as np
import pandas as pd

from rdc_kit.study.analyses.learning_curve import fit_curve
from rdc_kit.study.figures.learning_curve import learning_figure

from .conftest import is_beside


def test_runs_and_curves_are_drawn_and_the_axis_reaches_twice_the_images():
    rows = [
        {"arm": arm, "method": arm, "seed": s, "ipc": n, "top1": top - 40 * n**-0.8 + s}
        for arm, top in (("random", 95), ("el2n", 90))
        for n in (1, 2, 5, 10)
        for s in range(3)
    ]
    table = pd.DataFrame(rows).assign(
        dataset="blocks", size=16, epochs=5, student="s", labels="hard", tests=15
    )
    curves = {arm: fit_curve(table[table["arm"] == arm], samples=20) for arm in ("random", "el2n")}
    (ax,) = learning_figure(table, curves).axes
    assert sum(len(dots.get_offsets()) for dots in ax.collections[::3]) == 24
    lines = {line.get_linestyle() for line in ax.lines}
    assert lines == {"-", "--"}
    assert max(line.get_xdata().max() for line in ax.lines) == 20
    assert np.allclose(ax.get_xticks(), [1, 2, 5, 10, 20])
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert names == ["Random", "EL2N, easiest"]
    assert is_beside(ax.get_legend(), ax)
    told = "n = 3 seeds at each; 15 test images; band of the fitted curve: 95 %"
    assert told in ax.get_title(loc="left")
    # The points of an arm are as far left of their images per class as those of the other right.
    first, other = (np.unique(dots.get_offsets()[:, 0]) for dots in ax.collections[::3])
    np.testing.assert_allclose(first * other, np.square([1.0, 2, 5, 10]))
    assert ((other / first > 1) & (other / first < 1.03)).all()
