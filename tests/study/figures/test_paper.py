"""The paper's figures, remade from results alone."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from PIL import Image

from rdc_kit.ground import files
from rdc_kit.ground.folders import checkout
from rdc_kit.study.figures import paper, saving
from rdc_kit.study.grid.arms import ablation_parts, unique
from rdc_kit.study.grid.planfile import read_plan
from rdc_kit.study.verdicts import tables as results

from ..grid.plans import PLAN, plan_in
from ..verdicts.conftest import arms, rows_of, write

COMMITTED = checkout() / "figures" / "evidence" / "paper"


def pixels(path):
    with Image.open(path) as image:
        return np.asarray(image)


def test_the_committed_figures_show_the_committed_rows(tmp_path):
    """Remade from the rows, each has the same numbers and the same pixels; and their provenance."""
    made = paper.remake(results.collect("evidence"), tmp_path)
    assert made.keys() == {path.stem for path in COMMITTED.glob("*.png")}
    for name, path in made.items():
        committed = COMMITTED / path.name
        assert saving.figure_is_whole(committed), name
        numbers = [png.with_suffix(".csv").read_text() for png in (path, committed)]
        assert numbers[0] == numbers[1], name
        assert np.array_equal(pixels(path), pixels(committed)), name
        assert b"/Type3" not in path.with_suffix(".pdf").read_bytes(), name
    name = next(name for name in made if name.startswith("first_look-digits"))
    facts = files.read_json(tmp_path / f"{name}.json")
    assert facts["rows_seed"] == ["0", "1", "2"]
    assert list(facts["inputs"]) == ["data/evidence/00-digits-32px-runs.csv"]
    plotted = pd.read_csv(tmp_path / f"{name}.csv")
    assert np.isfinite(plotted["top1"]).all()


def test_ablation_panels_hold_only_what_was_run(fresh_home):
    keys = [arm.key for arm in ablation_parts(1)["grid"]]
    table = arms({key: [50, 51, 52] for key in keys})
    less = arms({"pca originals_per_class=9": [40, 41, 42]}, ipc=9)
    write(fresh_home, "05_pca_ablations-a", {"runs": pd.concat([table, less])})
    saved = paper.remake(results.collect(), fresh_home / "out")
    assert list(saved) == ["ablations-digits-32px-ipc1-150epochs-net"]


def test_an_arm_that_stores_less_is_drawn_with_what_it_is_compared_with(fresh_home):
    """The line k = ipc was missing: its rows were among those of one image per class."""
    table = arms({"random": [50, 51], "pca": [60, 62]}, ipc=4, budget=4)
    table = pd.concat([arms({"pca originals_per_class=4": [55, 56]}, ipc=1, budget=4), table])
    alone = arms({"random": [30, 31], "pca": [40, 42]}, ipc=1, budget=1)
    write(fresh_home, "05_pca_ablations-a", {"runs": pd.concat([table, alone])})
    found = results.collect()
    (one,) = (remade for remade in paper.REMADE if remade.name == "ablations")
    four, single = paper._settings(one, found)
    panel = one.draw(four, found).axes[0]
    names = [label.get_text() for label in panel.get_yticklabels()]
    assert names == ["Random", "PCA", "PCA, k = ipc (1 stored)"]
    assert set(single["arm"]) == {"random", "pca"}
    saved = paper.remake(found, fresh_home / "out")
    assert set(saved) == {f"ablations-digits-32px-ipc{k}-150epochs-net" for k in (1, 4)}


def test_an_arm_that_was_run_alone_is_drawn_all_the_same(fresh_home):
    write(fresh_home, "05_pca_ablations-a", {"runs": arms({"pca": [50, 51, 52]})})
    (png,) = paper.remake(results.collect(), fresh_home / "out").values()
    assert pd.read_csv(png.with_suffix(".csv"))["top1"].tolist() == [50, 51, 52]


def test_a_smoke_run_replaces_no_real_figure_and_is_drawn_where_it_is_alone(fresh_home):
    facts = {"family": "pca", "ipc": 10, "seen": 0.4, "observer": "net"}
    real = pd.DataFrame(
        [{"method": "pca", "seed": seed, "stored": 0.3, **facts} for seed in (0, 1)]
    )
    write(fresh_home, "03_entropy-a", {"sets": real})
    for name, dataset in (("b", "digits"), ("c", "cifar10")):
        smoke = {"profile": "smoke", "dataset": dataset}
        write(fresh_home, f"03_entropy-{name}", {"sets": real.assign(stored=9)}, **smoke)
    saved = paper.remake(results.collect(), fresh_home / "out")
    shown = {name: pd.read_csv(png.with_suffix(".csv"))["stored"] for name, png in saved.items()}
    assert list(shown) == ["entropy-digits-32px-ipc10", "entropy-cifar10-32px-ipc10"]
    assert shown["entropy-digits-32px-ipc10"].tolist() == [0.3, 0.3]
    assert shown["entropy-cifar10-32px-ipc10"].tolist() == [9, 9]


def test_the_callers_style_is_as_it_was(fresh_home):
    write(fresh_home, "05_pca_ablations-a", {"runs": arms({"pca": [50, 51], "random": [52]})})
    plt.rcParams["font.size"] = 23
    before = dict(plt.rcParams)
    paper.remake(results.collect(), fresh_home / "out")
    assert dict(plt.rcParams) == before


def test_every_figure_of_the_paper_is_drawn_from_the_evidence():
    there = {table.name for table in results.collect("evidence").tables}
    assert {one.table for one in paper.REMADE} <= {*there, results.PLANNED}


def test_planned_rows_are_drawn_where_a_plan_has_all_that_a_figure_shows(tmp_path, monkeypatch):
    """And beside the plan's rows nothing else is in the drawing."""
    tops = {"random": 20, "el2n": 50, "el2n skip=0.2": 40, "el2n skip=0.4": 30}
    path = plan_in(tmp_path, monkeypatch)
    path.write_text(PLAN.replace('["random", "el2n"]', str(list(tops)).replace("'", '"')))
    line = read_plan(path)[1]
    line.add(rows_of(line, {key: [top] * 4 for key, top in tops.items()}))
    saved = paper.remake(results.collect(str(tmp_path)), tmp_path / "out")
    (name,) = [name for name in saved if name.startswith("planned")]
    assert name == "planned_windows-digits-16px-300epochs-convnet2-w8"
    drawn = pd.read_csv(saved[name].with_suffix(".csv"))
    assert drawn.groupby("arm")["top1"].mean().to_dict() == tops
    facts = files.read_json(saved[name].with_suffix(".json"))
    assert set(facts["inputs"]) == {"campaign-tiny.csv"}


def test_each_grid_of_composites_is_a_figure_of_its_own(fresh_home):
    """Runs with two grids were one line, the mean of both; or arms were left out in silence."""
    sweep = {"pca crop=0.08-1": [90, 91], "pca view=whole": [80, 81]}
    other = {key.replace("pca", "pca grid=3x3"): [50, 51] for key in sweep}
    for name, values in (("a", sweep), ("b", other)):
        table = arms(values).assign(view="cell", crop_low=0.08)
        write(fresh_home, f"04_patch-{name}", {"sweep": table})
    for name, grid in (("a", 2), ("b", 3)):
        keys = [arm.key for arm in unique(ablation_parts(1, grid))]
        write(fresh_home, f"05_pca_ablations-{name}", {"runs": arms({k: [50, 51] for k in keys})})
    saved = paper.remake(results.collect(), fresh_home / "out")
    assert list(saved) == [
        f"{name}-digits-32px-ipc1-150epochs-net{grid}"
        for name in ("crops", "ablations")
        for grid in ("", "-grid3x3")
    ]
    shown = [set(pd.read_csv(png.with_suffix(".csv"))["arm"]) for png in saved.values()]
    assert shown[:2] == [set(sweep), set(other)]
    assert shown[2:] == [{arm.key for arm in unique(ablation_parts(1, grid))} for grid in (2, 3)]


def test_a_curve_has_the_ratio_of_its_own_run(fresh_home):
    """Runs of several ipcs were one curve, with the first one's r*."""
    for name, ipc, level in (("a", 1, 1.0), ("b", 50, 3.0)):
        points = [(s, r, level * r) for s in ("random", "el2n") for r in (0.1, 1.0)]
        curve = pd.DataFrame(points, columns=["set", "r", "entropy"]).assign(seed=0, ipc=ipc)
        ratio = pd.DataFrame({"set": ["el2n"], "r": [level / 10], "low": 0.05, "high": 0.5})
        tables = {"curve": curve, "critical": ratio.assign(ipc=ipc, share=1.0, gap=-0.1)}
        write(fresh_home, f"03_entropy-{name}", tables)
    found = results.collect()
    (one,) = (remade for remade in paper.REMADE if remade.name == "curve")
    for rows, told in zip(paper._settings(one, found), ("0.10", "0.30"), strict=True):
        assert len(rows) == 4
        assert f"r* = {told}" in " ".join(t.get_text() for t in one.draw(rows, found).axes[0].texts)
    names = {f"curve-digits-32px-ipc{ipc}" for ipc in (1, 50)}
    assert set(paper.remake(found, fresh_home / "out")) == names
