"""Claims of the paper, and what would show each; `ledger` judges them."""

from __future__ import annotations

from dataclasses import dataclass

from ..analyses.ablations import FULL
from . import effects


@dataclass(frozen=True)
class Claim:
    """A claim and its test.

    Attributes:
        key: of the ledger, such as "C9".
        says: the claim, in a sentence.
        measured: what the effect is; positive speaks for the claim.
        table: "NN/NAME" of the results that show it.
        effect: rows of one setting to one number per seed.
        least: the claim holds where the whole interval is above, fails where it is below.
        unit: of the effect.
        merge: settings that the effect looks across.
    """

    key: str
    says: str
    measured: str
    table: str
    effect: effects.Effect
    least: float = 0.0
    unit: str = "points"
    merge: tuple[str, ...] = ()


def _protocols(method: str, first: str, second: str) -> effects.Effect:
    return effects.minus(
        {"method": method, "protocol": first}, {"method": method, "protocol": second}
    )


_COMBINED = "easiest, combined, "
CLAIMS = [
    Claim(
        "C1",
        "with soft labels, random matches distilled sets to a point",
        "Random - mean of distilled sets, soft",
        "01/runs",
        effects.matches,
        -1,
    ),
    Claim(
        "C1, 50 and more per class",
        "with soft labels, random beats every distilled set",
        "Random - best distilled set, soft",
        "01/runs",
        effects.matches_all,
    ),
    Claim(
        "C2",
        "with hard labels, sets made from noise fall below random",
        "Random - best set made from noise, hard",
        "01/runs",
        effects.below_random,
    ),
    Claim(
        "C3",
        "the soft-hard gap is far larger for sets made from noise",
        "gap of noise-made - gap of pruned sets",
        "01/runs",
        effects.gap_of_noise,
        5,
    ),
    Claim(
        "C4",
        "pure noise with soft labels trains far above chance",
        "noise, soft - chance",
        "01/runs",
        effects.noise_above_chance("soft"),
        5,
    ),
    Claim(
        "C4, hard",
        "pure noise with hard labels stays at chance, to two points",
        "chance - noise, hard",
        "01/runs",
        lambda rows: -effects.noise_above_chance("hard")(rows),
        -2,
    ),
    Claim(
        "C5",
        "the easiest by EL2N beat random at small ipc",
        "easiest - random",
        "00/runs",
        effects.arm("easiest", "random"),
    ),
    Claim(
        "C5, hardest",
        "the hardest are below random",
        "random - hardest",
        "00/runs",
        effects.arm("random", "hardest"),
    ),
    Claim(
        "C6",
        "EL2N and AUM beat Forgetting",
        "mean of EL2N, AUM - Forgetting, easiest",
        "02/runs",
        effects.metrics,
    ),
    Claim(
        "C7",
        "the best difficulty moves to harder images as ipc grows",
        "lead of the easiest, smallest - largest ipc",
        "02/runs",
        effects.shift,
        merge=("ipc",),
    ),
    Claim(
        "C8",
        "combining helps at equal storage",
        "random originals combined, extracted - random",
        "05/runs",
        effects.arm("random originals", "random"),
    ),
    Claim(
        "C8, of the easiest",
        "combining the easiest helps at equal storage",
        "PCA - easiest",
        "05/runs",
        effects.arm(FULL, "P: easiest"),
    ),
    Claim(
        "C9",
        "patch extraction beats patch shuffling",
        "extracted - shuffled",
        "00/runs",
        effects.arm(_COMBINED + "extracted", _COMBINED + "shuffled"),
    ),
    Claim(
        "C10",
        "the crop ratio has an interior optimum",
        "best crop inside - better end",
        "05/runs",
        effects.interior,
    ),
    Claim(
        "C11",
        "Cutout is at least neutral, to a point",
        "Cutout 0.5 - none",
        "05/runs",
        effects.arm("Cutout 0.5", FULL),
        -1,
    ),
    Claim(
        "C11, Mixup",
        "Mixup hurts under hard labels, labels mixed",
        "none - Mixup",
        "05/runs",
        effects.arm(FULL, "Mixup"),
    ),
    Claim(
        "C11, CutMix",
        "CutMix hurts under hard labels, labels mixed",
        "none - CutMix",
        "05/runs",
        effects.arm(FULL, "CutMix"),
    ),
    Claim(
        "C11, Mixup unmixed",
        "Mixup hurts with the released code's unmixed labels",
        "none - Mixup, labels unmixed",
        "05/runs",
        effects.arm(FULL, "Mixup, labels unmixed"),
    ),
    Claim(
        "C11, CutMix unmixed",
        "CutMix hurts with the released code's unmixed labels",
        "none - CutMix, labels unmixed",
        "05/runs",
        effects.arm(FULL, "CutMix, labels unmixed"),
    ),
    Claim(
        "C12",
        "PCA leads across architectures",
        "PCA - best rival, mean over networks",
        "06/runs",
        effects.leads,
        merge=("student",),
    ),
    Claim(
        "C13",
        "pruned sets have the lowest entropy",
        "lowest other - mean of pruned sets",
        "03/sets",
        effects.lowest_entropy,
        unit="nats",
    ),
    Claim(
        "C13, views",
        "shuffled views have more entropy than extracted ones",
        "shuffled - extracted",
        "04/entropy",
        effects.arm("shuffled", "extracted", "entropy"),
        unit="nats",
    ),
    Claim(
        "C14",
        "cropping for likelihood leaves images less sure, now and then",
        "images likelier and yet less sure after cropping",
        "03/crops",
        lambda rows: effects.by_seed(rows, "share"),
        unit="% of images",
    ),
    Claim(
        "C15",
        "a crop ratio exists that cancels the entropy gain",
        "H(easiest) - H(random) at the best ratio",
        "03/curve",
        effects.catches_up,
        unit="nats",
    ),
    Claim(
        "C16",
        "soft labels cost 1.5 times the training time or more",
        "seconds soft / hard",
        "07/price",
        effects.time,
        1.5,
        "times",
    ),
    Claim(
        "C17",
        "the protocol alone moves SRe2L by ten points or so",
        "SRe2L: benchmark's - its own",
        "01/protocols",
        _protocols("sre2l", "soft", "sre2l"),
        5,
    ),
    Claim(
        "C17, RDED",
        "the protocol alone moves RDED",
        "RDED: its own - benchmark's",
        "01/protocols",
        _protocols("rded", "rded", "soft"),
    ),
]

# Where each table is shown: notebook and heading.
SHOWN = {
    "00/runs": ("00_start_here", "The measurement"),
    "01/runs": ("01_soft_vs_hard_labels", "The measurement"),
    "01/protocols": ("01_soft_vs_hard_labels", "The protocol alone moves the number"),
    "02/runs": ("02_pruning_metrics", "What is each end worth?"),
    "03/sets": ("03_entropy", "Figure 3: every method's set"),
    "03/crops": ("03_entropy", "Proposition 4.1: likelier is not simpler"),
    "03/curve": ("03_entropy", "Theorem 4.2: a crop that takes it back"),
    "04/entropy": ("04_patch_shuffling_vs_extraction", "Entropy of the views"),
    "05/runs": ("05_pca_ablations", "The questions"),
    "06/runs": ("06_cross_architecture", "The measurement"),
    "07/price": ("07_soft_label_leakage", "What soft labels cost"),
}
