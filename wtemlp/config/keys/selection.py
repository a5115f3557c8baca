"""Which frames are labelled, and when there are enough: ``selection`` and ``convergence``."""

from dataclasses import dataclass
from typing import Annotated

from wtemlp.config.keys.declare import COUNT, FRACTION, STEPS, Choice, Key


@dataclass(frozen=True)
class Convergence:
    """When the loop stops before its last iteration."""

    accurate_ratio: Annotated[
        float,
        Key("Fraction of the explored frames that is below the lower trust level.", FRACTION),
    ]
    iterations: Annotated[
        int,
        Key("Successive iterations in which the fraction must be reached.", COUNT, default=1),
    ]


class Picking(Choice):
    """Ways to pick the frames that are labelled."""

    DEVIATION = "deviation"
    RANDOM = "random"


@dataclass(frozen=True)
class Selection:
    """How the frames that are labelled are picked."""

    method: Annotated[
        Picking,
        Key(
            '"deviation": from the candidates, which are between the trust levels; "random": '
            "from all explored frames, whatever their deviation, but those of a walker that had "
            "left the physical world: a baseline to compare with."
        ),
    ] = Picking.DEVIATION
    energy_bins: Annotated[
        int | None,
        Key(
            "Draw evenly over so many bins of equal width between the lowest and the highest "
            "energy of the frames that can be picked, as far as each has some; else without "
            "regard to the energy.",
            COUNT,
        ),
    ] = None
    min_steps_apart: Annotated[
        int,
        Key(
            "Frames of a walker that are fewer MD steps away from one that is picked are not.",
            STEPS,
        ),
    ] = 1
