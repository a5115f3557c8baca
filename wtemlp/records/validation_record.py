"""What ``wtemlp validate`` found, as it is kept in ``validation/validation.json``."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from wtemlp.core.atomic_io import write_json

FOLDER = "validation"  #: in the run's folder
FILE = "validation.json"
FORMAT = 2  #: 1 had no answers but yes and no

REFERENCE, MODEL = "reference", "model"
GOOD, NOT_GOOD, CANNOT_TELL, UNTESTED = "good", "not good", "cannot tell", "untested"


@dataclass(frozen=True)
class Estimate:
    """A number and its standard error (None: not known)."""

    value: float
    error: float | None = None
    independent: float | None = None  #: values that the error comes from; None: not known, or many


@dataclass(frozen=True)
class Curve:
    """A sampled function; both lists have n_points numbers, y_error may be empty."""

    x: list[float]
    y: list[float]
    y_error: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Diffusion:
    """Self-diffusion of the molecules (or atoms of one element), from an NVE or NVT run."""

    what: str  #: the element whose atoms are followed, as "O"
    d_pbc: Estimate  #: 1e-5 cm2/s, in the box
    d_corrected: Estimate | None  #: 1e-5 cm2/s, with the finite-size correction
    viscosity_mPa_s: float | None  #: that the correction was made with
    fit_ps: tuple[float, float]  #: lags of the fit
    exponent: float | None = None  #: of MSD ~ t^exponent in the fit's window


@dataclass(frozen=True)
class Plateau:
    """Mean square displacement of atoms that stay near their places, as a solid's do."""

    what: str  #: the element whose atoms are followed, as "Cu"
    msd_A2: Estimate
    lags_ps: tuple[float, float]  #: that it is the mean of


@dataclass(frozen=True)
class MdRun:
    """One MD run: with a model or with the reference, in one ensemble at one temperature."""

    potential: str  #: :data:`REFERENCE` or :data:`MODEL`
    model: int | None  #: number of the model; None for the reference
    ensemble: str  #: "nvt", "nve", "npt"
    target_K: float
    folder: str  #: relative to the run's folder
    timestep_fs: float
    n_atoms: int
    steps: int  #: asked for, after equilibration
    steps_done: int
    failed: str = ""  #: why it ended early (exploded, lost atoms, ...); "" if it did not
    temperature_K: Estimate | None = None
    temperature_std_K: float | None = None
    temperature_std_expected_K: float | None = None  #: canonical, T sqrt(2 / (3 N - 3)); of NVT
    temperature_drift_K_ns: Estimate | None = None
    energy_mean_eV: Estimate | None = None  #: potential energy of the box
    energy_std_eV: Estimate | None = None
    total_energy_drift_meV_atom_ns: Estimate | None = None  #: of NVE
    pressure_bar: Estimate | None = None
    density_g_cm3: Estimate | None = None
    bulk_modulus_GPa: Estimate | None = None  #: isothermal, of the volume's fluctuation in NPT
    diffusion: tuple[Diffusion, ...] = ()
    plateaus: tuple[Plateau, ...] = ()  #: of elements that do not diffuse
    curves: dict[str, Curve] = field(default_factory=dict)
    """``rdf O-O`` (Angstrom, 1), ``energy`` (eV, 1/eV), ``msd O`` (ps, Angstrom^2),
    ``vacf O`` (ps, 1), ``temperature`` (ps, K), ``torsion NAME`` and ``angle NAME`` (rad, 1/rad),
    ``distance NAME`` (Angstrom, 1/Angstrom): thinned."""
    notes: tuple[str, ...] = ()  #: why something that was asked for is not there


@dataclass(frozen=True)
class BinError:
    """Errors of the frames in a bin of reference energies."""

    low_eV_atom: float
    high_eV_atom: float
    n_frames: int
    energy_rmse_meV_atom: float
    force_rmse_meV_A: float


@dataclass(frozen=True)
class Parity:
    """A model against labels that it was not trained on."""

    data: str  #: name of the set
    model: int
    n_frames: int
    energy_rmse_meV_atom: float  #: as it is
    energy_rmse_shifted_meV_atom: float  #: the mean offset removed
    force_rmse_meV_A: float  #: of the components
    bins: tuple[BinError, ...] = ()
    energies_eV_atom: tuple[tuple[float, float], ...] = ()  #: (reference, model), thinned
    forces_eV_A: tuple[tuple[float, float], ...] = ()  #: (reference, model), thinned
    energy_offset_meV_atom: float | None = None  #: mean of model less reference


@dataclass(frozen=True)
class Check:
    """One question that the verdict asks."""

    name: str  #: in words, as "temperature at 300 K (NVT, model 0)"
    value: str  #: with its unit
    bound: str  #: what it must hold, in words
    answer: str  #: :data:`GOOD`, :data:`NOT_GOOD`, :data:`CANNOT_TELL` or :data:`UNTESTED`
    note: str = ""  #: why it is not good, or what would tell


@dataclass(frozen=True)
class Validation:
    """All of it."""

    iteration: int  #: whose models
    models: tuple[int, ...]
    reference: str  #: what the reference is, in words; "" if there is no reference MD
    verdict: str  #: one sentence
    answer: str  #: :data:`GOOD` (every bound tested), :data:`NOT_GOOD` or :data:`CANNOT_TELL`
    md: tuple[MdRun, ...] = ()
    parity: tuple[Parity, ...] = ()
    checks: tuple[Check, ...] = ()
    rdf_distance: dict[str, Estimate] = field(default_factory=dict)
    """By ``"O-O 300 K"``: mean ``|g - g_ref|`` beyond the bonds, mean over the models against the
    reference (:func:`wtemlp.analysis.structure.rdf_distance`), and its standard error."""
    rdf_noise: dict[str, float] = field(default_factory=dict)
    """By the same: what two such runs of one potential differ by."""
    versions: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0  #: wall time

    @property
    def ok(self) -> bool:
        """Whether the models are known to be good."""
        return self.answer == GOOD

    def runs(self, **wanted: Any) -> list[MdRun]:
        """The MD runs whose fields have these values."""
        return [run for run in self.md if all(getattr(run, key) == wanted[key] for key in wanted)]


def save(path: Path, validation: Validation) -> None:
    """Write the record; the folder must exist."""
    write_json(path, {"format": FORMAT, **asdict(validation)})


def load(path: Path) -> Validation:
    """Read a record that :func:`save` wrote.

    Raises
    ------
    OSError, ValueError, TypeError, KeyError
        If there is none that this version reads.
    """
    content = json.loads(path.read_bytes())
    if not isinstance(content, dict):
        raise ValueError(f"{path}: no record")
    version = content.pop("format")
    if version not in (1, FORMAT):
        raise ValueError(f"{path}: another format")
    if version == 1:
        for one in (content, *content["checks"]):
            one["answer"] = GOOD if one.pop("ok") else NOT_GOOD
    return Validation(
        **{
            **content,
            "models": tuple(content["models"]),
            "md": tuple(_md(one) for one in content["md"]),
            "parity": tuple(_parity(one) for one in content["parity"]),
            "checks": tuple(Check(**one) for one in content["checks"]),
            "rdf_distance": {k: Estimate(**v) for k, v in content["rdf_distance"].items()},
        }
    )


_ESTIMATES = (
    "temperature_K",
    "temperature_drift_K_ns",
    "energy_mean_eV",
    "energy_std_eV",
    "total_energy_drift_meV_atom_ns",
    "pressure_bar",
    "density_g_cm3",
    "bulk_modulus_GPa",
)


def _estimate(content: dict[str, Any] | None) -> Estimate | None:
    return None if content is None else Estimate(**content)


def _md(content: dict[str, Any]) -> MdRun:
    more: dict[str, Any] = {key: _estimate(content.get(key)) for key in _ESTIMATES}
    more["curves"] = {name: Curve(**one) for name, one in content["curves"].items()}
    more["notes"] = tuple(content.get("notes", ()))
    more["diffusion"] = tuple(
        Diffusion(
            **{
                **one,
                "d_pbc": Estimate(**one["d_pbc"]),
                "d_corrected": _estimate(one["d_corrected"]),
                "fit_ps": tuple(one["fit_ps"]),
            }
        )
        for one in content["diffusion"]
    )
    more["plateaus"] = tuple(
        Plateau(one["what"], Estimate(**one["msd_A2"]), tuple(one["lags_ps"]))
        for one in content.get("plateaus", ())
    )
    return MdRun(**{**content, **more})


def _parity(content: dict[str, Any]) -> Parity:
    pairs = {
        key: tuple((a, b) for a, b in content[key]) for key in ("energies_eV_atom", "forces_eV_A")
    }
    bins = tuple(BinError(**one) for one in content["bins"])
    return Parity(**{**content, **pairs, "bins": bins})
