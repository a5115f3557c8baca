"""From what MD has left to numbers with errors: one record for each part of a run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wtemlp.analysis.diffusion import finite_size_correction, self_diffusion
from wtemlp.analysis.displacement import bounded_displacement
from wtemlp.analysis.energy import Moments, energy_histogram, moments, shared_bins
from wtemlp.analysis.green_kubo import vacf
from wtemlp.analysis.rdf import half_width
from wtemlp.analysis.stability import (
    TemperatureStability,
    degrees_of_freedom,
    energy_drift,
    temperature_stability,
)
from wtemlp.analysis.structure import (
    BLOCKS,
    MANY_FRAMES,
    MOST_BLOCKS,
    BlockedRdf,
    rdf_with_errors,
)
from wtemlp.analysis.variables import histogram, variable
from wtemlp.config.keys.validation import MdVariable
from wtemlp.config.records import Params
from wtemlp.core.units import AMU_G, EV_A3_IN_GPA, KB_EV
from wtemlp.md import validation_script as md
from wtemlp.records.validation_record import Curve, Diffusion, Estimate, MdRun, Plateau
from wtemlp.validation.jobs import MdJob
from wtemlp.validation.outputs import (
    Part,
    Series,
    Trajectory,
    read_parts,
    read_trajectory,
    read_velocities,
)

BIN_A = 0.05  #: of a radial distribution function
FARTHEST_A = 10.0  #: beyond it there is nothing to be seen in a liquid
MAX_RDF_FRAMES = 500  #: frames nearer to each other than these tell the same
MAX_POINTS = 400  #: of a curve in the record
FEWEST = 8  #: values that a mean with an error is made of
#: Relative change of D over that of T: of water at 300 K 7.6 (Holz, Heil and Sacco, Phys. Chem.
#: Chem. Phys. 2, 4740, 2000), of flexible TIP3P about 5, of simple liquids 2 to 3.
ACTIVATION = 6.0
NO_VISCOSITY = (
    "self-diffusion is that of the box: without viscosity_mPa_s, that of the liquid itself, there "
    "is no finite-size correction"
)
NPT_EQUILIBRATION = 0.25  #: first part of NPT, in which the box settles


@dataclass(frozen=True)
class Measured:
    """A part of a run, measured."""

    run: MdRun
    rdfs: dict[str, BlockedRdf] = field(default_factory=dict)  #: by ``"O-O"``
    temperature_std_error_K: float | None = None
    #: By name, in frames of NVT; Angstrom or rad
    variables: dict[str, NDArray[np.float64]] = field(default_factory=dict)


def measure(job: MdJob, params: Params, root: Path, symbols: Sequence[str]) -> list[Measured]:
    """All parts of a run of a structure of these elements."""
    found: list[Measured] = []
    start_error_K = 0.0
    for part in read_parts(job, params.timestep_ps):
        found.append(_measure_part(job, part, params, root, symbols, start_error_K))
        if part.ensemble == md.NVT and not part.failed:
            start_error_K = _start_error(part, job.plan.temperature_K)
    return found


def _start_error(part: Part, temperature_K: float) -> float:
    """By how much the temperature of NVE is uncertain, K; infinite where it is not known.

    NVE has the mean total energy of NVT, which is known to an error: that over the heat capacity
    ``sigma^2 / (k T^2)`` of the same energies.
    """
    total = moments(part.series.after(part.begins).total_eV)
    if not total.std > 0:
        return 0.0
    error = total.mean_error if np.isfinite(total.mean_error) else total.std
    return float(KB_EV * temperature_K**2 * error / total.std**2)


def _measure_part(
    job: MdJob,
    part: Part,
    params: Params,
    root: Path,
    symbols: Sequence[str],
    start_error_K: float,
) -> Measured:
    settled, n_atoms = part.begins, len(symbols)
    if part.ensemble == md.NPT:
        settled += round(NPT_EQUILIBRATION * part.steps)
    series = part.series.after(settled)
    run = MdRun(
        potential=job.potential,
        model=job.model,
        ensemble=part.ensemble,
        target_K=job.plan.temperature_K,
        folder=str(job.folder.relative_to(root)),
        timestep_fs=params.timestep_ps * 1e3,
        n_atoms=n_atoms,
        steps=part.steps,
        steps_done=part.steps_done,
        failed=part.failed,
        curves={"temperature": _temperature_curve(part.series, params.timestep_ps)},
    )
    if part.failed or len(series) < FEWEST:
        note = f"only {len(series)} values were recorded: there are no means"
        return Measured(run if part.failed else replace(run, notes=(note,)))
    notes: list[str] = []
    spacing_ps = params.validation.thermo_freq * params.timestep_ps
    target_K = job.plan.temperature_K
    n_dof = degrees_of_freedom(n_atoms, md.at_rest(job.plan.n_alone))
    heat = temperature_stability(series.temperature_K, spacing_ps, target_K, n_dof)
    run = replace(run, **_means(series, heat, part.ensemble, spacing_ps, n_atoms))
    if not params.validation.has_pressure:
        run = replace(run, pressure_bar=None)
    if part.ensemble == md.NPT:
        run = replace(run, bulk_modulus_GPa=_bulk_modulus(series, target_K, params, symbols))
    curves = dict(run.curves)
    rdfs: dict[str, BlockedRdf] = {}
    variables: dict[str, NDArray[np.float64]] = {}
    diffusion: tuple[Diffusion, ...] = ()
    plateaus: tuple[Plateau, ...] = ()
    if part.ensemble == md.NVT:
        curves["energy"] = _energy_curve(series)
    if part.ensemble in (md.NVT, _dynamics(job)):
        trajectory = read_trajectory(job, part.ensemble, params.type_map)
        if part.ensemble == md.NVT:
            rdfs = _rdfs(trajectory, params.validation.pairs, notes)
            curves |= {f"rdf {pair}": _rdf_curve(found) for pair, found in rdfs.items()}
            variables = _variables(trajectory, params.validation.variables)
            curves |= _variable_curves(variables, params.validation.variables)
        if part.ensemble == _dynamics(job) and params.validation.diffusion:
            off_K = 0.0
            if part.ensemble == md.NVE:
                off_K = max(start_error_K, abs(heat.mean_K - target_K))
            diffusion, plateaus, msds = _diffusion(job, trajectory, params, off_K, notes)
            curves |= msds
            curves |= _velocity_correlations(job, params, notes)
    run = replace(run, diffusion=diffusion, plateaus=plateaus, curves=curves, notes=tuple(notes))
    return Measured(run, rdfs, heat.std_error_K, variables)


def _dynamics(job: MdJob) -> str:
    """The part that dynamics are taken from."""
    return md.NVE if md.NVE in job.plan.ensembles else md.NVT


def _means(
    series: Series, heat: TemperatureStability, ensemble: str, spacing_ps: float, n_atoms: int
) -> dict[str, Any]:
    """The averages of a part."""
    energy, pressure = moments(series.potential_eV), moments(series.pressure_bar)
    drift_K_ns = heat.drift_K_ns
    found: dict[str, Any] = {
        "temperature_K": _estimate(heat.mean_K, heat.mean_error_K, heat.independent),
        "temperature_std_K": heat.std_K,
        "energy_mean_eV": _mean(energy),
        "energy_std_eV": _estimate(energy.std, energy.std_error, energy.independent),
        "pressure_bar": _mean(pressure),
        "temperature_drift_K_ns": _estimate(
            drift_K_ns.value, drift_K_ns.error, drift_K_ns.independent
        ),
    }
    if ensemble != md.NVE:
        found["temperature_std_expected_K"] = heat.expected_std_K
    else:
        drift = energy_drift(series.total_eV, spacing_ps, n_atoms)
        found["total_energy_drift_meV_atom_ns"] = _estimate(
            drift.value, drift.error, drift.independent
        )
    if ensemble == md.NPT:
        found["density_g_cm3"] = _mean(moments(series.density_g_cm3))
    return found


def _bulk_modulus(
    series: Series, temperature_K: float, params: Params, symbols: Sequence[str]
) -> Estimate | None:
    """Of the volume's fluctuation, ``kT <V> / var(V)``, GPa; None where it is not known.

    The volume swings with the barostat, and how far changes slowly: the error is that of parts.
    """
    mass = dict(zip(params.type_map, params.mass_map, strict=True))
    density = moments(series.density_g_cm3)
    if not density.std > 0 or not np.isfinite(density.std_error):
        return None
    volume_A3 = sum(mass[name] for name in symbols) * AMU_G / density.mean * 1e24
    # The relative fluctuation of the volume is that of the density.
    modulus = KB_EV * temperature_K / (volume_A3 * (density.std / density.mean) ** 2)
    squares = (series.density_g_cm3 - density.mean) ** 2
    parts = np.array([part.mean() for part in np.array_split(squares, BLOCKS)])
    relative = parts.std(ddof=1) / np.sqrt(BLOCKS) / squares.mean()
    return _estimate(EV_A3_IN_GPA * modulus, EV_A3_IN_GPA * modulus * relative, BLOCKS)


def _mean(of: Moments) -> Estimate:
    return _estimate(of.mean, of.mean_error, of.independent)


def _estimate(value: float, error: float | None, independent: float) -> Estimate:
    known = error is not None and np.isfinite(error)
    worth = round(float(independent), 1) if np.isfinite(independent) else None
    return Estimate(float(value), float(error) if error is not None and known else None, worth)


def _rdfs(
    trajectory: Trajectory | None, pairs: Sequence[tuple[str, str]], notes: list[str]
) -> dict[str, BlockedRdf]:
    if not pairs:
        return {}
    if trajectory is None or len(trajectory) < BLOCKS:
        frames = 0 if trajectory is None else len(trajectory)
        notes.append(f"only {frames} frames: there is no radial distribution function")
        return {}
    chosen = _thinned(len(trajectory), MAX_RDF_FRAMES)
    n_blocks = BLOCKS if len(trajectory) < MANY_FRAMES else MOST_BLOCKS
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
                n_blocks,
            )
        except ValueError as error:
            notes.append(str(error))
    return found


def _variables(
    trajectory: Trajectory | None, wanted: Sequence[MdVariable]
) -> dict[str, NDArray[np.float64]]:
    """The values of the variables in the frames."""
    if trajectory is None or len(trajectory) < FEWEST:
        return {}
    places = {one.name: [atom - 1 for atom in one.atoms] for one in wanted}
    return {
        name: variable(atoms, trajectory.coords, trajectory.cells) for name, atoms in places.items()
    }


def _variable_curves(
    values: Mapping[str, NDArray[np.float64]], wanted: Sequence[MdVariable]
) -> dict[str, Curve]:
    found = {}
    for one in wanted:
        if one.name in values:
            made = histogram(values[one.name], torsion=one.kind == "TORSION")
            found[f"{one.kind.lower()} {one.name}"] = _curve(made.x, made.density, made.error)
    return found


def _diffusion(
    job: MdJob,
    trajectory: Trajectory | None,
    params: Params,
    off_K: float,
    notes: list[str],
) -> tuple[tuple[Diffusion, ...], tuple[Plateau, ...], dict[str, Curve]]:
    """Self-diffusion of the elements that were asked for, or that they stay, and displacements.

    Its error holds that of the temperature, ``off_K``, which NVE has from a single start.
    """
    if trajectory is None or len(trajectory) < 2:
        notes.append("no frames: there is no self-diffusion")
        return (), (), {}
    mass = dict(zip(params.type_map, params.mass_map, strict=True))
    masses = np.array([mass[name] for name in trajectory.elements])
    spacing_ps, target_K = params.validation.trj_freq * params.timestep_ps, job.plan.temperature_K
    eta = _viscosity(params, target_K)
    found, plateaus, curves = [], [], {}
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
        if (stays := bounded_displacement(moved.msd)) is not None:
            plateaus.append(
                Plateau(name, _estimate(stays.msd_A2, stays.error_A2, BLOCKS), stays.lags_ps)
            )
            notes.append(
                f"{name} does not diffuse: its mean square displacement stays bounded, "
                f"{stays.msd_A2:.3g} A^2 up to {stays.lags_ps[1]:.3g} ps"
            )
            continue
        if moved.d is None or moved.error is None or moved.fit_ps is None:
            notes.append(f"no self-diffusion of {name}: {moved.reason}")
            continue
        of_start = abs(moved.d) * ACTIVATION * off_K / target_K
        d = _estimate(moved.d, float(np.hypot(moved.error, of_start)), moved.independent)
        corrected = None
        if eta is not None:
            # Of a box that is not a cube: the edge of the cube of the same volume.
            length_A = float(np.abs(np.linalg.det(trajectory.cells[0])) ** (1 / 3))
            more = finite_size_correction(target_K, eta, length_A)
            corrected = Estimate(d.value + more, d.error, d.independent)
        found.append(
            Diffusion(
                what=name,
                d_pbc=d,
                d_corrected=corrected,
                viscosity_mPa_s=eta,
                fit_ps=moved.fit_ps,
                exponent=moved.exponent,
            )
        )
    if found and eta is None:
        notes.append(NO_VISCOSITY)
    return tuple(found), tuple(plateaus), curves


def _viscosity(params: Params, temperature_K: float) -> float | None:
    """Viscosity of the liquid at one of the temperatures, mPa s, as the block has it."""
    given = params.validation.viscosity_mPa_s
    return None if given is None else given[params.validation.temps_K.index(temperature_K)]


def _velocity_correlations(job: MdJob, params: Params, notes: list[str]) -> dict[str, Curve]:
    """The velocity autocorrelations of the followed elements, where velocities were recorded."""
    if not job.plan.vacf_types or _dynamics(job) != md.NVE:
        return {}
    recorded = read_velocities(job, params.type_map)
    curves: dict[str, Curve] = {}
    for name in params.validation.diffusion:
        atoms = recorded.elements == name if recorded is not None else np.zeros(0, bool)
        if recorded is None or not atoms.any():
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
    return _curve((series.step * timestep_ps).astype(float), series.temperature_K)


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
