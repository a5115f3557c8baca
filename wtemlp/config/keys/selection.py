"""Which frames are labelled, and when there are enough: ``selection`` and ``convergence``."""

from dataclasses import dataclass
from typing import Annotated

from wtemlp.config.keys.declare import COUNT, FRACTION, STEPS, Choice, Key


@dataclass(frozen=True)
class Convergence:
    """When the loop stops before its last iteration.

    Parameters
    ----------
    accurate_ratio
        Fraction of the explored frames that is below the lower trust level.
    iterations
        Successive iterations in which the fraction must be reached.
    """

    accurate_ratio: Annotated[float, FRACTION]
    iterations: Annotated[int, Key(COUNT, default=1)]


class Picking(Choice):
    """Ways to pick the frames that are labelled."""

    DEVIATION = "deviation"
    RANDOM = "random"


@dataclass(frozen=True)
class Selection:
    """How the frames that are labelled are picked.

    Parameters
    ----------
    method
        "deviation": from the candidates, which are between the trust levels; "random":
        from all explored frames, whatever their deviation, but those of a walker that had
        left the physical world: a baseline to compare with.
    energy_bins
        Draw evenly over so many bins of equal width between the lowest and the highest
        energy of the frames that can be picked, as far as each has some; else without
        regard to the energy.
    min_steps_apart
        Frames of a walker that are fewer MD steps away from one that is picked are not.
    """

    method: Annotated[Picking, Key()] = Picking.DEVIATION
    energy_bins: Annotated[int | None, COUNT] = None
    min_steps_apart: Annotated[int, STEPS] = 1
