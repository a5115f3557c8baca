"""The numbers that ``wtemlp init`` ends with."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wtemlp.analysis.widths import WithError, width
from wtemlp.core.atomic_io import read_record
from wtemlp.core.errors import InputError
from wtemlp.core.formatting import finite

RESULT = "init.json"  #: provenance and numbers; written last
PARAMETERS = "init.parameters.json"  #: what the folder was made with; written first
DATA, CONF = "data", "conf"  #: folders in the output: labelled frames, starting structures
EQUILIBRATE = "00.equilibrate"  #: folder of the box and of NVT
LABEL = "02.label"  #: folder of the labelling tasks
EQUILIBRATE, WTE = "00.equilibrate", "01.wte"  #: folders of the runs of a box of water
WATER_NVT = f"{EQUILIBRATE}/nvt"  #: that of NVT
#: How a self-explaining ensemble of a box of water is called.
_WATER_RUNS = {True: "NVT", False: "WTE"}


def ensemble_name(biasfactor: float) -> str:
    """What an ensemble of a box of water is called, as ``g16``; NVT's is ``g1``."""
    return f"g{biasfactor:g}"


@dataclass(frozen=True)
class DataSet:
    """One set of training and validation data."""

    folder: str  #: below ``data`` and ``conf``; "": these themselves
    biasfactor: float | None  #: of its ensemble; None: frames of all ensembles
    n_train: int
    n_validation: int
    structures: bool = True  #: whether there are structures to start from beside it


@dataclass(frozen=True)
class Ensemble:
    """A sampled ensemble, from its energies."""

    biasfactor: float | None  #: 1: no bias; None: OPES
    temperature_K: float  #: mean
    temperature_error_K: float
    mean_eV: float
    mean_error_eV: float
    sigma_eV: float
    sigma_error_eV: float
    statistical_inefficiency: float  #: in recorded energies
    correlation_time_ps: float | None = None
    """Of the energies of an unbiased run; None in earlier versions."""
    name: str = ""  #: of the run; "" of a box of water
    folder: str = ""  #: of the run, relative to the output; "" of earlier versions
    held_K: float | None = None  #: temperature of the thermostat
    timestep_fs: float | None = None
    volume_A3: float | None = None  #: mean, at constant pressure
    volume_error_A3: float | None = None
    n_frames: int | None = None  #: that are far enough apart
    n_asked: int | None = None
    reference: str = ""  #: name of the unbiased run that sigma was measured in; "": the first

    @property
    def title(self) -> str:
        """For people."""
        return self.name or _WATER_RUNS[self.biasfactor == 1]

    def describe(self, unbiased: "Ensemble | None") -> str:
        """A line for the user.

        Parameters
        ----------
        unbiased : Ensemble, optional
            The run that sigma is compared with, of a biased one.
        """
        sigma = f"sigma {self.sigma_eV:.4f} +- {self.sigma_error_eV:.4f} eV"
        if self.biasfactor == 1 or unbiased is None:
            text = f"{self.title}: {self.temperature_K:.1f} +- {self.temperature_error_K:.1f} K,"
            text += f" {sigma}"
            if self.volume_A3 is not None:
                text += f", volume {self.volume_A3:.1f} +- {self.volume_error_A3:.1f} A^3"
            return text + self._frames
        what = "OPES" if self.biasfactor is None else f"bias factor {self.biasfactor:g}"
        return f"{self.title}, {what}: {sigma}, {_against(self, unbiased)}{self._frames}"

    @property
    def _frames(self) -> str:
        few = self.n_asked is not None and self.n_frames != self.n_asked
        return f"; {self.n_frames} of {self.n_asked} frames" if few else ""


@dataclass(frozen=True)
class SystemResult:
    """What came out of a system."""

    name: str
    title: str  #: what it is, for people
    n_atoms: int
    runs: tuple[Ensemble, ...]
    data: tuple[DataSet, ...]
    n_copies: int = 0  #: labelled copies, all in the training data
    n_gap: int = 0  #: frames between training and validation data, which neither has

    def lines(self, output: Path, structures: int) -> list[str]:
        """A few lines for the user."""
        by_name = {one.name: one for one in self.runs if one.biasfactor == 1}
        first = next(iter(by_name.values()), None)
        found = [self.title]
        found += [one.describe(by_name.get(one.reference, first)) for one in self.runs]
        for one in self.data:
            line = f"{one.n_train} frames to train on"
            if one.n_validation:
                line += f" and {one.n_validation} to validate"
            line += f" in {output / DATA / one.folder}"
            if one.structures:
                line += f", {structures} structures in {output / CONF / one.folder}"
            found.append(line)
        return found


@dataclass(frozen=True)
class InitResult:
    """What came out of ``wtemlp init``."""

    output: Path
    systems: tuple[SystemResult, ...]
    n_rejected: int  #: frames whose label failed or was refused
    starting_structures: int  #: of each set of data

    @property
    def n_train(self) -> int:
        """Frames to train on, of all systems."""
        return sum(one.n_train for system in self.systems for one in system.data)

    @property
    def n_validation(self) -> int:
        """Frames to validate with, of all systems."""
        return sum(one.n_validation for system in self.systems for one in system.data)

    @property
    def n_gap(self) -> int:
        """Frames that are in neither."""
        return sum(system.n_gap for system in self.systems)

    @property
    def unbiased(self) -> tuple[Ensemble, ...]:
        """The runs without a bias, of all systems."""
        return tuple(r for system in self.systems for r in system.runs if r.biasfactor == 1)

    def describe(self) -> str:
        """A few lines for the user."""
        lines = [
            line
            for system in self.systems
            for line in system.lines(self.output, self.starting_structures)
        ]
        if self.n_rejected:
            lines.append(f"{self.n_rejected} frames have no label: see {self.output / LABEL}")
        return "\n".join(lines)


def _against(one: Ensemble, unbiased: Ensemble) -> str:
    """The width of a biased run's energies against that of the run that it starts from."""
    pair = (unbiased, one)
    without, biased = (WithError(each.sigma_eV, finite(each.sigma_error_eV)) for each in pair)
    factors = () if one.biasfactor is None else (one.biasfactor,)
    found = width(without, biased, factors, unbiased.held_K or unbiased.temperature_K)
    ratio, law = (
        "unknown" if each is None else f"{each.value:.2f} +- {_error(each.error)}"
        for each in (found.ratio, found.law)
    )
    of_law = f" (by the law of its heat capacity: {law})" if factors else ""
    return f"{ratio} of {unbiased.title}'s{of_law}"


def _error(error: float | None) -> str:
    return "?" if error is None else f"{error:.2g}"


def water_title(n_molecules: int, box_A: float, density_g_cm3: float) -> str:
    """What a box of water is, for people."""
    return f"{n_molecules} waters in {box_A:.4f} Angstrom, {density_g_cm3:.4f} g/cm3"


def load_result(output: Path) -> InitResult:
    """Read the result of a finished ``wtemlp init`` from its folder.

    Raises
    ------
    InputError
        If the file is damaged.
    """
    file = output / RESULT
    remedy = "remove it: the same wtemlp init makes it anew from what is in the folder"
    try:
        found = dict(read_record(file, remedy)["result"])
        systems = found.pop("systems") if "systems" in found else [_of_earlier(found)]
        made = tuple(_system(one) for one in systems)
        return InitResult(output=output, systems=made, **_numbers(found))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(str(file), f"is damaged ({error})", remedy) from None


def _numbers(found: Mapping[str, Any]) -> dict[str, int]:
    return {key: found[key] for key in ("n_rejected", "starting_structures")}


def _system(found: Mapping[str, Any]) -> SystemResult:
    runs = tuple(Ensemble(**one) for one in found["runs"])
    data = tuple(DataSet(**one) for one in found["data"])
    return SystemResult(**{**found, "runs": runs, "data": data})


def _of_earlier(found: Mapping[str, Any]) -> dict[str, Any]:
    """The system of a result that an earlier version wrote, of a box of water."""
    whole = {"folder": "", "biasfactor": None}
    whole |= {key: found[key] for key in ("n_train", "n_validation")}
    return {
        "name": "",
        "title": water_title(*(found[k] for k in ("n_molecules", "box_A", "density_g_cm3"))),
        "n_atoms": 3 * found["n_molecules"],
        "runs": [found["nvt"], *found["wte"]],
        "data": found.get("data") or [whole],
        "n_gap": found.get("n_gap", 0),
    }
