"""The paper's figures, remade from results alone."""

import numpy as np
import pandas as pd

from rdc_kit.ground import files
from rdc_kit.study.figures import paper
from rdc_kit.study.grid.arms import ablation_parts
from rdc_kit.study.verdicts import tables as results

from ..verdicts.conftest import arms, write


def test_figures_are_remade_byte_by_byte_with_their_provenance(tmp_path):
    found = results.collect("evidence")
    first, second = (paper.remake(found, tmp_path / name) for name in "ab")
    assert first.keys() == second.keys()
    assert {"ledger"} < first.keys()
    for path in sorted((tmp_path / "a").iterdir()):
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name
    endings = {path.suffix for path in (tmp_path / "a").iterdir()}
    assert endings == {".png", ".pdf", ".csv", ".json"}
    name = next(name for name in first if name.startswith("first_look-digits"))
    facts = files.read_json(tmp_path / "a" / f"{name}.json")
    assert facts["rows_seed"] == ["0", "1", "2"]
    assert list(facts["inputs"]) == ["data/evidence/00-digits-32px-runs.csv"]
    assert b"/Type3" not in (tmp_path / "a" / f"{name}.pdf").read_bytes()
    plotted = pd.read_csv(tmp_path / "a" / f"{name}.csv")
    assert np.isfinite(plotted["top1"]).all()


def test_ablation_panels_hold_only_what_was_run(fresh_home):
    keys = [arm.key for arm in ablation_parts(1)["grid"]]
    table = arms({key: [50, 51, 52] for key in keys})
    less = arms({"pca originals_per_class=9": [40, 41, 42]}, ipc=9)
    write(fresh_home, "05_pca_ablations-a", {"runs": pd.concat([table, less])})
    saved = paper.remake(results.collect(), fresh_home / "out")
    assert list(saved) == ["ablations-digits-32px-ipc1-150epochs-net"]


def test_every_figure_of_the_paper_is_drawn_from_the_evidence():
    there = {table.name for table in results.collect("evidence").tables}
    assert {one.table for one in paper.REMADE} <= there
