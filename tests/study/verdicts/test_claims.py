"""Claims: all seventeen, each with a place in a notebook that exists."""

import json
import re

from rdc_kit.ground.folders import checkout
from rdc_kit.study.grid import arms
from rdc_kit.study.verdicts import claims
from rdc_kit.study.verdicts.tables import collect


def test_every_claim_has_a_number_and_a_place_that_exists():
    keys = [one.key for one in claims.CLAIMS]
    assert len(set(keys)) == len(keys)
    assert {int(re.match(r"C(\d+)", key)[1]) for key in keys} == set(range(1, 18))
    for table, (name, heading) in claims.SHOWN.items():
        cells = json.loads((checkout() / "notebooks" / f"{name}.ipynb").read_text())["cells"]
        text = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
        assert f"\n## {heading}\n" in f"\n{text}\n", (table, heading)
        assert name.startswith(table[:2])
    assert {one.table for one in claims.CLAIMS} <= claims.SHOWN.keys()


def test_every_claim_can_be_judged_by_the_evidence_or_says_why_not():
    """An arm's key that is written wrongly would leave its claim untested without a word."""
    found = collect("evidence")
    silent = set()
    for one in claims.CLAIMS:
        for rows in found.groups(one.table, one.merge):
            try:
                if not one.effect(rows).dropna().empty:
                    break
            except LookupError:
                continue
        else:
            silent.add(one.key)
    assert silent <= {"C1, 50 and more per class"}


def test_the_keys_in_the_claims_are_those_of_arms():
    known = {arm.key for arm in [*arms.pca_arms(), *arms.unique(arms.ablation_parts(4))]}
    for kind in ("mixup", "cutmix"):
        assert claims._UNMIXED + kind in known
    assert {"pca view=shuffle", "pca order=random", "pca cutout=0.5", "el2n order=hard"} <= known
