"""The claims of the paper, and the effect that tests each; `ledger` gives the verdicts."""

from __future__ import annotations

from dataclasses import dataclass

from . import effects
from .effects import arm, minus


@dataclass(frozen=True)
class Claim:
    """A claim and its test.

    Attributes:
        key: its name in the ledger, such as "C9".
        says: the claim, in one sentence.
        measured: what the effect is; a positive effect supports the claim.
        table: "NN/NAME" of the table that shows it.
        effect: function from the rows of one setting to one number per seed.
        least: threshold: the claim holds where the whole interval is above it, and fails where
            the whole interval is below it.
        unit: of the effect.
        merge: columns of the setting that the effect compares.
    """

    key: str
    says: str
    measured: str
    table: str
    effect: effects.Effect
    least: float = 0.0
    unit: str = "points"
    merge: tuple[str, ...] = ()


_SRE2L: list[dict[str, object]] = [
    {"method": "sre2l", "protocol": name} for name in ("soft", "sre2l")
]
_RDED: list[dict[str, object]] = [{"method": "rded", "protocol": name} for name in ("rded", "soft")]
_UNMIXED = "pca loss=ce_unmixed mix="

# fmt: off
CLAIMS = [
    Claim("C1", "with soft labels, random matches distilled sets to a point",
          "Random - mean of distilled sets, soft", "01/runs", effects.random_matches, -1),
    Claim("C1, 50 and more per class", "with soft labels, random beats every distilled set",
          "Random - best distilled set, soft", "01/runs", effects.random_beats_all),
    Claim("C2", "with hard labels, sets made from noise fall below random",
          "Random - best set made from noise, hard", "01/runs", effects.below_random),
    Claim("C3", "the soft-hard gap is far larger for sets made from noise",
          "gap of noise-made - gap of pruned sets", "01/runs", effects.gap_of_noise, 5),
    Claim("C4", "pure noise with soft labels trains far above chance",
          "noise, soft - chance", "01/runs", effects.noise_above_chance("soft"), 5),
    Claim("C4, hard", "pure noise with hard labels stays at chance, to two points",
          "chance - noise, hard", "01/runs", effects.noise_below_chance("hard"), -2),
    Claim("C5", "the easiest by EL2N beat random at small ipc",
          "easiest - random", "00/runs", arm("el2n", "random")),
    Claim("C5, hardest", "the hardest are below random",
          "random - hardest", "00/runs", arm("random", "el2n order=hard")),
    Claim("C6", "EL2N and AUM beat Forgetting",
          "mean of EL2N, AUM - Forgetting, easiest", "02/runs", effects.steady_metrics),
    Claim("C7", "the best difficulty moves to harder images as ipc grows",
          "lead of the easiest, smallest - largest ipc", "02/runs", effects.shift, merge=("ipc",)),
    Claim("C8", "combining helps at equal storage",
          "PCA of random originals - random", "05/runs", arm("pca order=random", "random")),
    Claim("C8, of the easiest", "combining the easiest helps at equal storage",
          "PCA - easiest", "05/runs", arm("pca", "el2n")),
    Claim("C9", "patch extraction beats patch shuffling",
          "extracted - shuffled", "00/runs", arm("pca", "pca view=shuffle")),
    Claim("C10", "the crop ratio has an interior optimum",
          "best crop inside - better end", "05/runs", effects.interior),
    Claim("C11", "Cutout is at least neutral, to a point",
          "Cutout 0.5 - none", "05/runs", arm("pca cutout=0.5", "pca"), -1),
    Claim("C11, Mixup", "Mixup hurts under hard labels, labels mixed",
          "none - Mixup", "05/runs", arm("pca", "pca mix=mixup")),
    Claim("C11, CutMix", "CutMix hurts under hard labels, labels mixed",
          "none - CutMix", "05/runs", arm("pca", "pca mix=cutmix")),
    Claim("C11, Mixup unmixed", "Mixup hurts with the released code's unmixed labels",
          "none - Mixup, labels unmixed", "05/runs", arm("pca", _UNMIXED + "mixup")),
    Claim("C11, CutMix unmixed", "CutMix hurts with the released code's unmixed labels",
          "none - CutMix, labels unmixed", "05/runs", arm("pca", _UNMIXED + "cutmix")),
    Claim("C12", "PCA leads across architectures", "PCA - best rival, mean over networks",
          "06/runs", effects.lead_over_rivals, merge=("student",)),
    Claim("C13", "pruned sets have the lowest entropy",
          "lowest other - mean of pruned sets", "03/sets", effects.lowest_entropy, unit="nats"),
    Claim("C13, views", "shuffled views have more entropy than extracted ones",
          "shuffled - extracted", "04/entropy",
          minus({"view": "shuffle"}, {"view": "cell"}, "entropy"), unit="nats"),
    Claim("C14", "cropping for likelihood leaves images less sure, now and then",
          "images likelier and yet less sure after cropping", "03/crops",
          effects.share_against, unit="% of images"),
    Claim("C15", "a crop ratio exists that cancels the entropy gain",
          "H(easiest) - H(random) at the best ratio", "03/curve", effects.catches_up, unit="nats"),
    Claim("C16", "soft labels cost 1.5 times the training time or more",
          "seconds soft / hard", "07/price", effects.time_ratio, 1.5, "times"),
    Claim("C17", "the protocol alone moves SRe2L by ten points or so",
          "SRe2L: benchmark's - its own", "01/protocols", minus(_SRE2L[0], _SRE2L[1]), 5),
    Claim("C17, RDED", "the protocol alone moves RDED",
          "RDED: its own - benchmark's", "01/protocols", minus(_RDED[0], _RDED[1])),
]
# fmt: on

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
