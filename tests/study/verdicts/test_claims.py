"""Claims: all seventeen, each with a place in a notebook that exists."""

import json
import re

from rdc_kit.ground.folders import checkout
from rdc_kit.methods import METHODS
from rdc_kit.study.grid import arms
from rdc_kit.study.grid.terms import terms_of
from rdc_kit.study.verdicts import claims
from rdc_kit.study.verdicts.ledger import found_in, ledger
from rdc_kit.study.verdicts.tables import collect


def test_every_claim_has_a_number_and_a_place_that_exists():
    keys = [one.key for one in claims.CLAIMS]
    assert len(set(keys)) == len(keys)
    ours = {"anchor", "pruning once combined", "spread once combined", "room or steps", "steps"}
    ours |= {"soft labels hide", "combining, soft"}
    numbered = [key for key in keys if key not in ours]
    assert {int(re.match(r"C(\d+)", key)[1]) for key in numbered} == set(range(1, 18))
    for table, (name, heading) in claims.SHOWN.items():
        cells = json.loads((checkout() / "notebooks" / f"{name}.ipynb").read_text())["cells"]
        text = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
        assert f"\n## {heading}\n" in f"\n{text}\n", (table, heading)
        assert name.startswith(table[:2])
    assert {one.table for one in claims.CLAIMS} <= claims.SHOWN.keys()


def test_every_claim_is_measured_by_the_evidence_or_planned():
    """An arm's key that is written wrongly would leave its claim untested without a word."""
    table = ledger(collect("evidence"))
    assert not set(table.loc[table["verdict"] == "not tested", "claim"])
    silent = {c.key for c in claims.CLAIMS if c.effects and not found_in(c, collect("evidence"))}
    # Tables before 0.3 had no noise with a spectrum, RDED of factor 2 or entropy of small crops.
    assert silent <= {
        "C1, 50 and more per class",
        "C4, spectrum",
        "C13, composites",
        "C15",
        "combining, soft",
    }


def test_every_effect_can_be_read_and_the_keys_are_those_of_arms():
    known = {arm.key for arm in [*arms.pca_arms(), *arms.unique(arms.ablation_parts(4))]}
    known |= {*METHODS, "rded factor=2", "noise spectrum=pool", "chance"}
    for one in claims.CLAIMS:
        for effect in one.effects:
            assert {term.arm for term in terms_of(effect)} <= known
