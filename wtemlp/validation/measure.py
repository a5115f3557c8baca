"""From what MD has left to numbers with errors: one record for each part of a run."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wtemlp.analysis.diffusion import finite_size_correction, self_diffusion
from wtemlp.analysis.energy import energy_histogram, moments, shared_bins
from wtemlp.analysis.green_kubo import vacf
from wtemlp.analysis.rdf import half_width
from wtemlp.analysis.stability import (
    TemperatureStability,
    degrees_of_freedom,
    energy_drift,
    temperature_stability,
)
from wtemlp.analysis.structure import BLOCKS, BlockedRdf, rdf_with_errors
from wtemlp.config.records import Params
from wtemlp.md import validation_script as md
from wtemlp.records.validation_record import Curve, Diffusion, Estimate, MdRun
from wtemlp.validation.jobs import MdJob
from wtemlp.validation.outputs import (
    Part,
    Series,
    Trajectory,
    read_parts,
    read_trajectory,
    read_velocities,
)
from wtemlp.validation.viscosity import viscosity

BIN_A = 0.05  #: of a radial distribution function
FARTHEST_A = 10.0  #: beyond it there is nothing to be seen in a liquid
MAX_RDF_FRAMES = 500  #: frames nearer to each other than these tell the same
MAX_POINTS = 400  #: of a curve in the record
FEWEST = 8  #: values that a mean with an error is made of
NPT_EQUILIBRATION = 0.25  #: first part of NPT, in which the box settles


@dataclass(frozen=True)
class Measured:
    """A part of a run, measured."""

    run: MdRun
    rdfs: dict[str, BlockedRdf] = field(default_factory=dict)  #: by ``"O-O"``
    temperature_std_error_K: float | None = None


def measure(job: MdJob, params: Params, root: Path, n_atoms: int) -> list[Measured]:
    """All parts of a run."""
    return [
        _measure_part(job, part, params, root, n_atoms)
        for part in read_parts(job, params.timestep_ps)
    ]


def _measure_part(job: MdJob, part: Part, params: Params, root: Path, n_atoms: int) -> Measured:
    settled = part.begins
    if part.ensemble == md.NPT:
        settled += round(NPT_EQUILIBRATION * part.steps)
    series = part.series.after(settled)
    facts = {
        "potential": job.potential,
        "model": job.model,
        "ensemble": part.ensemble,
        "target_K": job.plan.temperature_K,
        "folder": str(job.folder.relative_to(root)),
        "timestep_fs": params.timestep_ps * 1e3,
        "n_atoms": n_atoms,
        "steps": part.steps,
        "steps_done": part.steps_done,
        "failed": part.failed,
    }
    curves = {"temperature": _temperature_curve(part.series, params.timestep_ps)}
    notes: list[str] = []
    if part.failed or len(series) < FEWEST:
        if not part.failed:
            notes.append(f"only {len(series)} values were recorded: there are no means")
        return Measured(MdRun(**facts, curves=curves, notes=tuple(notes)))
    spacing_ps = params.validation.thermo_freq * params.timestep_ps
    n_dof, target_K = degrees_of_freedom(n_atoms), job.plan.temperature_K
    heat = temperature_stability(series.temperature_K, spacing_ps, target_K, n_dof)
    facts |= _means(series, heat, part.ensemble, spacing_ps, n_atoms)
    rdfs: dict[str, BlockedRdf] = {}
    diffusion: tuple[Diffusion, ...] = ()
    if part.ensemble == md.NVT:
        curves["energy"] = _energy_curve(series)
    if part.ensemble in (md.NVT, _dynamics(job)):
        trajectory = read_trajectory(job, part.ensemble, params.type_map)
        if part.ensemble == md.NVT:
            rdfs = _rdfs(trajectory, params.validation.pairs, notes)
            curves |= {f"rdf {pair}": _rdf_curve(found) for pair, found in rdfs.items()}
        if part.ensemble == _dynamics(job) and params.validation.diffusion:
            diffusion, msds = _diffusion(job, trajectory, params, notes)
            curves |= msds
            curves |= _velocity_correlations(job, params, notes)
    run = MdRun(**facts, diffusion=diffusion, curves=curves, notes=tuple(notes))
    return Measured(run, rdfs, heat.std_error_K)


def _dynamics(job: MdJob) -> str:
    """The part that dynamics are taken from."""
    return md.NVE if md.NVE in job.plan.ensembles else md.NVT


def _means(
    series: Series, heat: TemperatureStability, ensemble: str, spacing_ps: float, n_atoms: int
) -> dict[str, object]:
    """The averages of a part."""
    energy, pressure = moments(series.potential_eV), moments(series.pressure_bar)
    found: dict[str, object] = {
        "temperature_K": _estimate(heat.mean_K, heat.mean_error_K),
        "temperature_std_K": heat.std_K,
        "energy_mean_eV": _estimate(energy.mean, energy.mean_error),
        "energy_std_eV": _estimate(energy.std, energy.std_error),
        "pressure_bar": _estimate(pressure.mean, pressure.mean_error),
        "temperature_drift_K_ns": _estimate(heat.drift_K_ns.value, heat.drift_K_ns.error),
    }
    if ensemble != md.NVE:
        found["temperature_std_expected_K"] = heat.expected_std_K
    else:
        drift = energy_drift(series.total_eV, spacing_ps, n_atoms)
        found["total_energy_drift_meV_atom_ns"] = _estimate(drift.value, drift.error)
    if ensemble == md.NPT:
        density = moments(series.density_g_cm3)
        found["density_g_cm3"] = _estimate(density.mean, density.mean_error)
    return found


def _estimate(value: float, error: float) -> Estimate:
    return Estimate(float(value), float(error) if np.isfinite(error) else None)


def _rdfs(
    trajectory: Trajectory | None, pairs: Sequence[tuple[str, str]], notes: list[str]
) -> dict[str, BlockedRdf]:
    if trajectory is None or len(trajectory) < BLOCKS:
        frames = 0 if trajectory is None else len(trajectory)
        notes.append(f"only {frames} frames: there is no radial distribution function")
        return {}
    chosen = _thinned(len(trajectory), MAX_RDF_FRAMES)
    cells = trajectory.cells[chosen]
    r_max = min(half_width(cells), FARTHEST_A)
    found = {}
    for pair in pairs:
        try:
            found["-".join(pair)] = rdf_with_errors(
                trajectory.coords[chosen],
                cells,
                trajectory.elements,
                pair,
                r_max,
                max(1, round(r_max / BIN_A)),
            )
        except ValueError as error:
            notes.append(str(error))
    return found


def _diffusion(
    job: MdJob, trajectory: Trajectory | None, params: Params, notes: list[str]
) -> tuple[tuple[Diffusion, ...], dict[str, Curve]]:
    """Self-diffusion of the elements that were asked for, and their displacements."""
    if trajectory is None or len(trajectory) < 2:
        notes.append("no frames: there is no self-diffusion")
        return (), {}
    mass = dict(zip(params.type_map, params.mass_map, strict=True))
    masses = np.array([mass[name] for name in trajectory.elements])
    spacing_ps = params.validation.trj_freq * params.timestep_ps
    found, curves = [], {}
    for name in params.validation.diffusion:
        atoms = trajectory.elements == name
        if not atoms.any():
            notes.append(f"no atom of {name}: it has no self-diffusion")
            continue
        moved = self_diffusion(trajectory.coords, spacing_ps, masses=masses, atoms=atoms)
        longest = max(2, len(moved.msd.lag_ps) // 5)
        curves[f"msd {name}"] = _curve(
            moved.msd.lag_ps[:longest], moved.msd.msd_A2[:longest], moved.msd.error_A2[:longest]
        )
        if moved.d is None:
            notes.append(f"no self-diffusion of {name}: {moved.reason}")
            continue
        d = _estimate(moved.d, moved.error)
        eta = viscosity(params, job.plan.temperature_K)
        corrected = None
        if eta is not None:
            # Of a box that is not a cube: the edge of the cube of the same volume.
            length_A = float(np.abs(np.linalg.det(trajectory.cells[0])) ** (1 / 3))
            more = finite_size_correction(job.plan.temperature_K, eta.mPa_s, length_A)
            corrected = Estimate(d.value + more, d.error)
        found.append(
            Diffusion(
                what=name,
                d_pbc=d,
                d_corrected=corrected,
                viscosity_mPa_s=eta.mPa_s if eta else None,
                fit_ps=moved.fit_ps,
                exponent=moved.exponent,
            )
        )
    return tuple(found), curves


def _velocity_correlations(job: MdJob, params: Params, notes: list[str]) -> dict[str, Curve]:
    """The velocity autocorrelations of the followed elements, where velocities were recorded."""
    if not job.plan.vacf_types or _dynamics(job) != md.NVE:
        return {}
    recorded, curves = read_velocities(job, params.type_map), {}
    for name in params.validation.diffusion:
        atoms = recorded.elements == name if recorded is not None else np.zeros(0, bool)
        if not atoms.any():
            notes.append(f"no velocities of {name} were recorded")
            continue
        spacing_ps = job.plan.vacf_freq * params.timestep_ps
        try:
            found = vacf(recorded.values, spacing_ps, masses=None, atoms=atoms)
        except ValueError as error:
            notes.append(f"no velocity autocorrelation of {name}: {error}")
            continue
        curves[f"vacf {name}"] = _curve(found.lag_ps, found.c, found.error)
    return curves


def _energy_curve(series: Series) -> Curve:
    """The distribution of the potential energy."""
    std = float(series.potential_eV.std())
    edges = shared_bins([series.potential_eV], max(0.25 * std, 1e-9))
    return _curve(0.5 * (edges[1:] + edges[:-1]), energy_histogram(series.potential_eV, edges))


def _rdf_curve(found: BlockedRdf) -> Curve:
    return _curve(found.r_A, found.g, found.error)


def _temperature_curve(series: Series, timestep_ps: float) -> Curve:
    return _curve(series.step * timestep_ps, series.temperature_K)


def _curve(
    x: NDArray[np.float64], y: NDArray[np.float64], error: NDArray[np.float64] | None = None
) -> Curve:
    """A curve, thinned; its errors, where all are known."""
    chosen = _thinned(len(x), MAX_POINTS)
    errors: list[float] = []
    if error is not None and np.isfinite(error[chosen]).all():
        errors = [_short(value) for value in error[chosen]]
    return Curve([_short(v) for v in x[chosen]], [_short(v) for v in y[chosen]], errors)


def _short(value: float) -> float:
    return float(f"{value:.7g}")


def _thinned(n: int, most: int) -> NDArray[np.int_]:
    """At most so many indices, evenly spaced."""
    return np.arange(n) if n <= most else np.linspace(0, n - 1, most).round().astype(int)
