"""The ``wte`` block of an exploration: the well-tempered ensemble."""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, replace
from typing import Annotated, Any

from wtemlp.config.keys.declare import (
    ANY_COUNT,
    AUTO,
    COUNT,
    MAX_BIASFACTOR,
    POSITIVE,
    STEPS,
    Choice,
    Key,
    Range,
)
from wtemlp.config.keys.values import (
    AUTO_HEIGHT_KT,
    biasfactors,
    end_of_grid,
    energy_eV,
    height_kT,
    pace_steps,
)

AT_LEAST_ONE = Range(ge=1)
MAX_HEIGHT_KT = 1e3  #: one such hill lifts a system over anything that a simulation meets


@dataclass(frozen=True)
class Guard:
    """When a walker has left the physical world, and is stopped.

    Parameters
    ----------
    devi_factor
        Force deviation, in units of the upper trust level ...
    devi_checks
        ... that stops a walker on this many successive outputs.
    temp_factor
        Temperature that stops it, in units of the target; of few atoms no less than what they
        come to by themselves.
    energy_sigmas
        Distance of the energy from the NVT mean that stops it, in units of sigma_NVT
        sqrt(biasfactor).
    volume_factor
        At constant pressure: factor between the volume and its mean in the unbiased part (there:
        the starting structure's) that stops it, in either direction, unless labelled frames of
        the same composition are as dense or as dilute.
    """

    devi_factor: Annotated[float, AT_LEAST_ONE] = 3.0
    devi_checks: Annotated[int, COUNT] = 3
    temp_factor: Annotated[float, AT_LEAST_ONE] = 3.0
    energy_sigmas: Annotated[float, POSITIVE] = 10.0
    volume_factor: Annotated[float, Range(gt=1)] = 2.0


@dataclass(frozen=True)
class ExtraVariable:
    """A collective variable of the user's own that is biased.

    Parameters
    ----------
    name
        Label of a value in those lines.
    sigma
        Width of the hills, in the variable's unit.
    minimum
        Lower bound of the grid; or "-pi".
    maximum
        Upper bound of the grid; or "pi".
    """

    #: A PLUMED label of a value, as ``"d"`` or ``"c.x"``
    name: Annotated[str, Key()]
    sigma: Annotated[float, POSITIVE]
    #: Both bounds ``"-pi"`` and ``"pi"`` make the grid periodic
    minimum: Annotated[float | str, Key(name="min", read=end_of_grid("-pi"))]
    maximum: Annotated[float | str, Key(name="max", read=end_of_grid("pi"))]


ENERGY_TOO, VARIABLES = "both", "variables"  #: what is biased


@dataclass(frozen=True)
class Extra:
    """The user's own PLUMED lines, and what of them is biased.

    Parameters
    ----------
    lines
        Lines for the PLUMED input (a list), or the file that has them: other collective
        variables, walls, ...; lengths in Angstrom, times in ps, energies in eV; atoms from 1,
        in the order of the structure's file. The potential energy is there as `ene`.
    variables
        Values of those lines that are biased; a walker that leaves the grid ends there,
        and its frames are kept.
    energy
        "both": the energy, and the variables if there are some; "variables": not the
        energy.
    """

    lines: Annotated[str, Key(name="plumed", kind=(str, list[str]))] = ""
    variables: Annotated[tuple[ExtraVariable, ...], Key()] = ()
    energy: Annotated[
        bool,
        Key(
            name="bias",
            kind=(str,),
            default=ENERGY_TOO,
            choices=(ENERGY_TOO, VARIABLES),
            read=ENERGY_TOO.__eq__,
        ),
    ] = True

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> "Extra":
        """The record whose fields a JSON object holds."""
        variables = tuple(ExtraVariable(**one) for one in content["variables"])
        return cls(content["lines"], variables, content["energy"])


class OldHills(Choice):
    """What becomes of the hills when the models have changed."""

    DROP = "drop"
    SHIFT = "shift"


class StartFrom(Choice):
    """Structures that walkers start from."""

    GIVEN = "given"
    LABELLED = "labelled"
    BOTH = "both"


class Method(Choice):
    """Ways to bias the energy: metadynamics, multithermal OPES."""

    WTE = "wte"
    OPES = "opes"


MIN_OPES_UPDATES = 60  #: of which half are the first, unbiased ones
#: Keys that the init file has, too.
PACE = Key(COUNT, doc="Steps between hills.")
DEFAULT_PACE = 100
N_START = 2  #: labelled frames to start from, where the file does not say
HEIGHT = Key(
    Range(gt=0, le=MAX_HEIGHT_KT, unit="kT"),
    doc=f'First height of the hills; "{AUTO}" is {AUTO_HEIGHT_KT:g}.',
    kind=(str, float),
    default=AUTO,
    read=height_kT,
)
#: Where the pace may be chosen, and the height with it.
AUTO_HEIGHT = replace(
    HEIGHT,
    name="height",
    doc=f'First height of the hills; "{AUTO}" is {AUTO_HEIGHT_KT:g}, or chosen with the pace.',
)
AUTO_PACE = replace(PACE, kind=(str, int), read=pace_steps)


def auto_pace_doc(by: str, measured: str) -> str:
    """What the pace means where it may be chosen.

    Parameters
    ----------
    by : str
        That it is chosen, and who does it.
    measured : str
        Where the correlation time is.
    """
    return (
        f'Steps between hills; "{AUTO}": {by}, and the height if that is "{AUTO}", from the '
        f"correlation time of the energy {measured}, so that the bias is filled in the first "
        "quarter of the steps, if these are enough."
    )


BIASFACTORS = Key(
    Range(ge=1, le=MAX_BIASFACTOR),
    name="biasfactor",
    kind=(float, list[float]),
    default=(),
    read=biasfactors,
    distinct=True,
)


@dataclass(frozen=True)
class WteBlock:
    """The well-tempered ensemble: how walkers are biased.

    Parameters
    ----------
    biasfactors
        Bias factors; 1 is unbiased MD; {"window_K": [250, 400]}: the one that covers the
        energies of these temperatures, from the standard deviation that each task
        measures.
    method
        "wte": metadynamics; "opes": the temperatures of window_K alike, by OPES.
    sigma_eV
        Width of the hills with its unit, as "0.5 eV"; "auto": the standard deviation of
        the potential energy in the task's NVT part.
    hills
        What becomes of the hills when the models have been trained again: "drop": each
        walker begins without; "shift": it begins with those of the same walker in the
        previous iteration, moved by the difference of the two models' mean energies.
    nvt_steps
        Unbiased NVT steps before the bias, from which sigma is measured.
    walkers
        Walkers per structure, temperature and bias factor.
    share_hills
        Whether these walkers fill one bias together (as far as they run at the same time;
        not repeatable to the bit); else they are independent.
    checkpoint
        Biased steps between checkpoints, from which a job that was killed goes on; 0:
        none. A biased part that is not longer has none.
    start
        Structures to start from: "given" (sys_configs), "labelled": frames that earlier
        iterations have labelled, at even quantiles of their energies, or "both"; the given
        ones where there is no labelled frame yet.
    n_start
        Labelled frames to start from, of each system (and of each composition in it).
    adapt_biasfactor
        Whether a bias factor at which the guard stopped more than half of the walkers (of
        one system and temperature) is halved in the next iteration, as are larger ones,
        and doubled again, up to what is asked for, once most come through.
    guard
        When a walker is stopped.
    """

    #: None: from the window
    biasfactors: Annotated[
        tuple[float | None, ...],
        replace(
            BIASFACTORS,
            kind=(float, list[float], dict),
            default=MISSING,
            some="bias factor",
        ),
    ]
    method: Annotated[Method, Key()] = Method.WTE
    #: Width of the hills, eV; None: measured in the task's NVT part
    sigma_eV: Annotated[
        float | None, Key(name="sigma", kind=(str, float), default=AUTO, read=energy_eV)
    ] = None
    #: None: with the pace
    height_kT: Annotated[float | None, AUTO_HEIGHT] = AUTO_HEIGHT_KT
    #: None: chosen by each walker
    pace: Annotated[
        int | None,
        replace(AUTO_PACE, doc=auto_pace_doc("each walker chooses them", "that it measures")),
    ] = DEFAULT_PACE
    hills: Annotated[OldHills, Key()] = OldHills.DROP
    #: Sigma comes from the last 3/4 of them
    nvt_steps: Annotated[int, STEPS] = 2000
    walkers: Annotated[int, COUNT] = 1
    share_hills: Annotated[bool, Key()] = False
    checkpoint: Annotated[int, ANY_COUNT] = 10_000
    extra: Annotated[Extra, Key(inline=True)] = field(default_factory=Extra)
    start: Annotated[StartFrom, Key()] = StartFrom.GIVEN
    #: Of each composition in a system
    n_start: Annotated[int, Key(COUNT, otherwise=f"{N_START}")] = N_START
    adapt_biasfactor: Annotated[bool, Key()] = True
    guard: Annotated[Guard, Key()] = field(default_factory=Guard)
    window_K: tuple[float, float] | None = None  #: temperatures to cover

    @property
    def known_biasfactors(self) -> tuple[float, ...]:
        """Those that are given; none where they come from the window."""
        return tuple(factor for factor in self.biasfactors if factor is not None)


UNBIASED = WteBlock((1.0,), nvt_steps=0)  #: MD without a bias
