"""What the paper leaves open, would check next and tried first (arXiv:2303.00952), and the studies that answer it.

The claims of a family are corrected together, because whoever reads one reads them all.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Asked:
    """One question of the paper.

    Attributes:
        studies: that answer it, the first one first.
        arm: whose comparison with the control answers it, where that is not the study's whole claim.
    """

    ask: str
    studies: tuple[str, ...]
    arm: str | None = None


@dataclass(frozen=True)
class Family:
    """Questions that are asked together."""

    name: str
    questions: tuple[Asked, ...]


FAMILIES = (
    Family(
        "Open questions",
        (
            Asked(
                "How many classification tokens, and does that depend on the data?",
                ("token_count_sweep", "token_count_by_data"),
            ),
            Asked("Which auxiliary modality teaches the RGB branch most?", ("auxiliary_modalities",)),
            Asked("Does a module over time help?", ("temporal_modules",)),
        ),
    ),
    Family(
        "Next checks",
        (
            Asked("What do wrong labels cost?", ("label_noise",)),
            Asked("Does the estimate scale to all muscle groups at once?", ("label_scaling",)),
            Asked(
                "What does distillation add on activities that were never seen?",
                ("distillation_contribution",),
            ),
        ),
    ),
    Family(
        "First experiments",
        (
            Asked(
                "Is one token worse than one for each muscle group?", ("components",), "parts=without several tokens"
            ),
            Asked("Is TransM3E worse without distillation?", ("components",), "parts=without distillation"),
            Asked("Is TransM3E worse without fusion?", ("components",), "parts=without fusion"),
        ),
    ),
)
