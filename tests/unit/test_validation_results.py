"""From the files of MD to a verdict: whole runs, exploded ones, truncated ones, short ones."""

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from tests.support.loop_runs import PARAM
from tests.support.waters import water_box
from wtemlp.analysis.structure import RdfDistance, rdf_with_errors
from wtemlp.config.keys.validation import ValidationBounds
from wtemlp.config.params import load_params
from wtemlp.core.errors import CalculationError
from wtemlp.core.units import AMU_G, EV_A3_IN_GPA, KB_EV, KCAL_MOL_IN_EV
from wtemlp.md import validation_script as md
from wtemlp.md.dump import write_dump
from wtemlp.md.systems.units import METAL, REAL
from wtemlp.records.validation_record import (
    CANNOT_TELL,
    GOOD,
    MODEL,
    NOT_GOOD,
    REFERENCE,
    UNTESTED,
    Check,
    Diffusion,
    Estimate,
    MdRun,
    Parity,
    Plateau,
    Validation,
    load,
    save,
)
from wtemlp.validation import checks
from wtemlp.validation.answers import CheckResult, Length, Missing, ask
from wtemlp.validation.jobs import MdJob
from wtemlp.validation.measure import Measured, measure
from wtemlp.validation.outputs import read_parts, read_series, read_trajectory, read_velocities
from wtemlp.validation.page import as_text
from wtemlp.validation.parity import read_details
from wtemlp.validation.verdict import _checks, _verdict, overall

N_SIDE, BOX_A = 3, 9.32
N_ATOMS = 3 * N_SIDE**3
SYMBOLS = ["O", "H", "H"] * N_SIDE**3
DT_PS = 0.0005
BLOCK = {
    "ensembles": ["nvt", "nve"],
    "equil_steps": 100,
    "nvt_steps": 2000,
    "nve_steps": 2000,
    "trj_freq": 50,
    "thermo_freq": 10,
}


def params_of(tmp_path: Path, **changes):
    file = tmp_path / "param.json"
    file.write_text(json.dumps(PARAM | {"validation": BLOCK | changes}))
    return load_params(file, tmp_path, check_files=False)


def job_of(tmp_path: Path, params, potential=MODEL, model=0) -> MdJob:
    settings = params.validation
    plan = md.MdPlan(
        temperature_K=300.0,
        timestep_ps=DT_PS,
        ensembles=settings.ensembles,
        equil_steps=settings.equil_steps,
        nvt_steps=settings.nvt_steps,
        nve_steps=settings.nve_steps,
        npt_steps=settings.npt_steps,
        pressure_bar=1.0,
        trj_freq=settings.trj_freq,
        thermo_freq=settings.thermo_freq,
        limit_K=900.0,
        velocity_seed=1,
        thermostat_seed=2,
        vacf_types=(1,),
    )
    folder = tmp_path / f"{potential}{model}"
    folder.mkdir(exist_ok=True)
    of = {"potential": potential, "model": model, "plan": plan}
    units = METAL if potential == "model" else REAL
    return MdJob(folder, {}, "", (), (), units=units, elements=("O", "H"), **of)


def write_part(
    job: MdJob,
    ensemble: str,
    begins: int,
    steps: int,
    *,
    mean_K=300.0,
    drift=0.0,
    seed=1,
    noise=0.1,
) -> None:
    """A part in equilibrium: canonical temperatures, molecules that walk at random."""
    rng = np.random.default_rng(seed + 100 * len(ensemble) + begins)
    scale = 1.0 if job.potential == MODEL else 1 / KCAL_MOL_IN_EV
    step = np.arange(begins, begins + steps + 1, job.plan.thermo_freq)
    free = 3 * N_ATOMS - 3
    temperature = mean_K * rng.gamma(free / 2, 2 / free, len(step)) + drift * step
    potential = (-10 + 0.1 * rng.normal(size=len(step))) * scale
    spread = 0.4 if ensemble == md.NVT else 1e-4  # canonical; conserved
    total = 5.0 + spread * rng.normal(size=len(step))
    table = np.column_stack(
        [step, temperature, potential, total, np.ones(len(step)), np.ones(len(step))]
    )
    names = " ".join(md.SERIES_COLUMNS)
    np.savetxt(job.folder / md.series(ensemble), table, header=names, fmt="%.8g")
    types, coords, _ = water_box(N_SIDE, BOX_A, shuffle=False)
    frames = np.arange(begins, begins + steps + 1, job.plan.trj_freq)
    walk = np.cumsum(rng.normal(scale=0.05, size=(len(frames), N_ATOMS // 3, 1, 3)), axis=0)
    moved = (
        coords.reshape(-1, 3, 3)
        + walk
        + rng.normal(scale=noise, size=(len(frames), N_ATOMS // 3, 3, 3))
    )
    cells = np.tile(BOX_A * np.eye(3), (len(frames), 1, 1))
    write_dump(
        job.folder / md.trajectory(ensemble),
        frames,
        cells,
        types + 1,
        moved.reshape(len(frames), -1, 3),
    )


def whole(job: MdJob, **more) -> MdJob:
    write_part(job, md.NVT, 100, 2000, **more)
    write_part(job, md.NVE, 2100, 2000, **more)
    return job


def test_a_whole_run_is_measured_in_our_units(tmp_path):
    params = params_of(tmp_path)
    for potential, model in ((MODEL, 0), (REFERENCE, None)):
        job = whole(job_of(tmp_path, params, potential, model))
        nvt, nve = (m.run for m in measure(job, params, tmp_path, SYMBOLS))
        assert (nvt.ensemble, nve.ensemble, nvt.failed, nvt.steps_done) == ("nvt", "nve", "", 2000)
        assert nvt.temperature_K.value == pytest.approx(300, abs=5 * nvt.temperature_K.error)
        assert nvt.temperature_std_expected_K == pytest.approx(300 * np.sqrt(2 / (3 * N_ATOMS - 3)))
        assert nvt.temperature_std_K == pytest.approx(nvt.temperature_std_expected_K, rel=0.2)
        assert nvt.energy_mean_eV.value == pytest.approx(-10, abs=0.05)  # eV, whatever LAMMPS's is
        assert nvt.energy_std_eV.value == pytest.approx(0.1, rel=0.2)
        assert abs(nve.total_energy_drift_meV_atom_ns.value) < 1
        assert set(nvt.curves) == {"temperature", "energy", "rdf O-O", "rdf O-H", "rdf H-H"}
        width = np.diff(nvt.curves["energy"].x)[0]
        assert sum(nvt.curves["energy"].y) * width == pytest.approx(1, rel=1e-3)
        assert "msd O" in nve.curves and not nvt.diffusion


def test_self_diffusion_of_walkers_is_theirs(tmp_path):
    params = params_of(tmp_path, nve_steps=8000, trj_freq=20)
    job = job_of(tmp_path, params)
    write_part(job, md.NVT, 100, 2000)
    write_part(job, md.NVE, 2100, 8000, noise=0.0)
    nve = measure(job, params, tmp_path, SYMBOLS)[1].run
    (found,) = nve.diffusion
    # <dx^2> = 0.05^2 in 20 steps of 0.5 fs: D = 0.125 A2/ps = 1.25e-5 cm2/s
    assert found.d_pbc.value == pytest.approx(1.25, abs=4 * found.d_pbc.error)
    assert 0 < found.d_pbc.error < 0.3
    # without the liquid's own viscosity there is no correction, and the record says so
    assert found.d_corrected is None and "there is no finite-size correction" in nve.notes[0]
    given = replace(params, validation=replace(params.validation, viscosity_mPa_s=(0.49,)))
    (corrected,) = measure(job, given, tmp_path, SYMBOLS)[1].run.diffusion
    # 2.837297 kT / (6 pi eta L), L 9.32 A
    more = 2.837297 * 1.380649e-23 * 300 / (6 * np.pi * 0.49e-3 * 9.32e-10) * 1e9
    assert corrected.d_corrected.value - found.d_pbc.value == pytest.approx(more)
    assert corrected.viscosity_mPa_s == 0.49


def test_the_error_of_self_diffusion_holds_that_of_the_start(tmp_path):
    """NVE from one start has a temperature of its own; D changes by some 2 per cent a kelvin."""
    params = params_of(tmp_path, nve_steps=8000, trj_freq=20)
    found, means = [], []
    for model, nve_K in enumerate((300.0, 315.0)):
        job = job_of(tmp_path, params, model=model)
        write_part(job, md.NVT, 100, 2000)
        write_part(job, md.NVE, 2100, 8000, noise=0.0, mean_K=nve_K)
        nve = measure(job, params, tmp_path, SYMBOLS)[1].run
        found += nve.diffusion
        means.append(nve.temperature_K.value)
    at_300, at_315 = (one.d_pbc for one in found)
    assert at_315.value == at_300.value
    of_start = at_315.value * 6 * (means[1] - 300) / 300
    assert at_315.error == pytest.approx(np.hypot(at_300.error, of_start), rel=0.1)


def test_an_exploded_run_says_when_and_why(tmp_path):
    params = params_of(tmp_path)
    job = job_of(tmp_path, params)
    write_part(job, md.NVT, 100, 800)
    for name in (md.series(md.NVE), md.trajectory(md.NVE)):
        (job.folder / name).touch()
    note = job.folder / md.STOPPED
    note.write_text("temperature 12345.6 K at step 910 of the run, in NVT: above 900 K\n")
    nvt, nve = (m.run for m in measure(job, params, tmp_path, SYMBOLS))
    assert nvt.failed == "exploded at 0.455 ps (temperature 12346 K)"
    assert (nvt.steps_done, nvt.temperature_K, nvt.diffusion) == (810, None, ())
    assert nvt.curves["temperature"].y
    assert nve.failed == f"not run: {nvt.failed}" and nve.steps_done == 0
    note.write_text("temperature nan K at step 40 of the run, in equilibration: above 900 K\n")
    assert read_parts(job, DT_PS)[0].failed == (
        "exploded at 0.02 ps (temperature NaN), in the equilibration"
    )
    note.write_text("ERROR on proc 0: Lost atoms: original 81 current 80 (src/thermo.cpp:494)\n")
    assert read_parts(job, DT_PS)[0].failed == (
        "exploded at 0.45 ps (Lost atoms: original 81 current 80)"
    )


def test_truncated_files_are_read_as_far_as_they_go(tmp_path):
    params = params_of(tmp_path)
    job = whole(job_of(tmp_path, params))
    series, dump = job.folder / md.series(md.NVT), job.folder / md.trajectory(md.NVT)
    series.write_text(series.read_text()[:-20])
    n_frames = len(read_trajectory(job, md.NVT, params.type_map))
    dump.write_text(dump.read_text()[:-2000])
    assert len(read_series(job, md.NVT)) == 200
    assert len(read_trajectory(job, md.NVT, params.type_map)) == n_frames - 1
    assert measure(job, params, tmp_path, SYMBOLS)[0].run.temperature_K is not None
    series.write_text(series.read_text() + "nan nan nan nan nan nan\nwhat is this\n1 2 x 4 5 6\n")
    assert len(read_series(job, md.NVT)) == 200


def test_without_files_there_is_a_record_and_a_reason(tmp_path):
    params = params_of(tmp_path)
    job = job_of(tmp_path, params)
    nvt = measure(job, params, tmp_path, SYMBOLS)[0].run
    assert nvt.temperature_K is None and nvt.notes == (
        "only 0 values were recorded: there are no means",
    )
    assert read_velocities(job, params.type_map) is None


def test_a_short_trajectory_has_no_diffusion_and_says_why(tmp_path):
    params = params_of(tmp_path)
    job = job_of(tmp_path, params)
    write_part(job, md.NVT, 100, 2000)
    write_part(job, md.NVE, 2100, 1000)
    nve = measure(job, params, tmp_path, SYMBOLS)[1].run
    assert not nve.diffusion and "no self-diffusion of O: 21 frames" in nve.notes[0]


def test_velocities_are_in_angstrom_per_ps(tmp_path):
    params = params_of(tmp_path)
    text = "".join(
        f"ITEM: TIMESTEP\n{step}\nITEM: NUMBER OF ATOMS\n1\nITEM: BOX BOUNDS pp pp pp\n"
        f"0 1\n0 1\n0 1\nITEM: ATOMS id type vx vy vz\n1 1 0.1 0.2 {step}\n"
        for step in (0, 4)
    )
    for potential, scale in ((MODEL, 1.0), (REFERENCE, 1000.0)):
        job = job_of(tmp_path, params, potential)
        (job.folder / md.VELOCITIES).write_text(text + "ITEM: TIMESTEP\n8\nITEM")
        found = read_velocities(job, params.type_map)
        assert list(found.step) == [0, 4] and list(found.elements) == ["O"]
        np.testing.assert_allclose(found.values[1, 0], np.array([0.1, 0.2, 4]) * scale)


HELD_OUT = {"energy_rmse_shifted_meV_atom": 1.0, "force_rmse_meV_A": 60.0}
D = "self-diffusion of O at 300 K"
MEAN_ENERGY = "mean potential energy, the models' mean offset removed at 300 K"


def parity_of(model: int, offset: float = 0.0, n_frames: int = 500) -> Parity:
    return Parity("v", model, n_frames, 5.0, **HELD_OUT, energy_offset_meV_atom=offset)


@cache
def radial(seed: int, noise: float):
    """g(r) of all pairs of some frames of jittered water."""
    types, coords, _ = water_box(N_SIDE, BOX_A, shuffle=False)
    frames = coords + np.random.default_rng(seed).normal(scale=noise, size=(100, N_ATOMS, 3))
    cells, names = np.tile(BOX_A * np.eye(3), (100, 1, 1)), np.array(["O", "H"])[types]
    pairs = (("O", "O"), ("O", "H"), ("H", "H"))
    return {"-".join(p): rdf_with_errors(frames, cells, names, p, 4.6, 23) for p in pairs}


def job_measured(potential, model, seed=1, **change) -> list[Measured]:
    """The parts of a long run, its numbers known to half of a bound or better."""
    of = {"T": 300.0, "D": 2.5, "rho": 1.0, "P": 1.0, "U": -10.0, "noise": 0.3, "worth": 200}
    of |= change
    common = {"potential": potential, "model": model, "target_K": 300.0, "folder": "x"}
    common |= {"timestep_fs": 0.5, "n_atoms": N_ATOMS, "steps": 40_000, "steps_done": 40_000}
    scale = np.sqrt(200 / of["worth"])
    known = {
        name: Estimate(value, error * scale, of["worth"])
        for name, value, error in (
            ("temperature_K", of["T"], 1.5),
            ("energy_mean_eV", of["U"], 0.03),
            ("energy_std_eV", 0.1, 0.005),
            ("pressure_bar", of["P"], 60.0),
        )
    }
    known |= {"temperature_std_K": 27.4, "temperature_std_expected_K": 27.39}
    diffusion = ()
    if of["D"] is not None:
        found = Estimate(of["D"], 0.04 * of["D"] * scale, 20)
        diffusion = (Diffusion("O", found, None, None, (0.5, 5.0)),)
    notes = () if diffusion else ("no self-diffusion of O: the atoms do not move",)
    drift = {"total_energy_drift_meV_atom_ns": Estimate(0.1, 0.1 * scale, of["worth"])}
    density = {"density_g_cm3": Estimate(of["rho"], 0.004 * scale, of["worth"])}
    nve = drift | {"diffusion": diffusion, "notes": notes}
    return [
        Measured(MdRun(ensemble="nvt", **common, **known), radial(seed, of["noise"]), 1.0 * scale),
        Measured(MdRun(ensemble="nve", **common, **nve)),
        Measured(MdRun(ensemble="npt", **common, **density)),
    ]


def judged(tmp_path, runs, parities=(), models=1, **changes):
    changes = {"ensembles": ["nvt", "nve", "npt"], "bounds": {"rdf": 0.2}, **changes}
    params = params_of(tmp_path, models=models, **changes)
    found, distances, noises = _checks(params, runs, parities)
    record = Validation(
        iteration=0,
        models=(0, 1),
        reference="tip3p-flexible",
        answer=overall(found),
        verdict=_verdict(params, found),
        md=tuple(m.run for m in runs),
        checks=tuple(found),
        rdf_distance=distances,
        rdf_noise=noises,
    )
    save(tmp_path / "validation.json", record)
    assert load(tmp_path / "validation.json") == record
    return record


def compared(tmp_path, offset=0.0, **change):
    """One model against the reference, all that the verdict asks for measured."""
    runs = [*job_measured(MODEL, 0, **change), *job_measured(REFERENCE, None, seed=3)]
    return judged(tmp_path, runs, [parity_of(0, offset)])


def answers(found: Validation, answer: str) -> dict[str, Check]:
    return {check.name: check for check in found.checks if check.answer == answer}


def test_models_like_the_reference_are_good(tmp_path):
    """The second one's energies are off by 10 meV/atom, on the held-out data, too."""
    runs = [
        *job_measured(MODEL, 0, seed=1),
        *job_measured(MODEL, 1, seed=2, U=-10 + 0.81),
        *job_measured(REFERENCE, None, seed=3),
    ]
    found = judged(tmp_path, runs, [parity_of(0), parity_of(1, 10.0)], models=2)
    assert found.ok, [check for check in found.checks if check.answer != GOOD]
    assert found.verdict == f"good: 2 models at 300 K within all {len(found.checks)} bounds"
    assert set(found.rdf_distance) == {"O-O 300 K", "O-H 300 K", "H-H 300 K"}
    text = as_text(found)
    lines = [line.split("  ")[0] for line in text.splitlines()]
    assert lines[1:5] == ["model 0", "model 1", "their mean +- spread", "reference"]
    assert NOT_GOOD not in lines


def test_the_error_of_the_models_distance_is_a_standard_error():
    one, other = (RdfDistance(v, 0.01, 0.02, (1, 4)) for v in (0.03, 0.05))
    found = checks.mean_distance([one, other])
    # two values 0.02 apart: standard deviation 0.0141, standard error of the mean 0.01
    assert (found.value, found.error) == (pytest.approx(0.04), pytest.approx(0.01))
    assert checks.mean_distance([one]).error == 0.01


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"T": 330}, "mean temperature at 300 K: 330"),
        ({"noise": 0.8}, "g(r) of O-O at 300 K"),
        ({"D": 0.25}, f"{D}: 0.250"),
        ({"D": 0.0}, f"{D}: 0.000"),
        ({"D": None}, f"{D}: none"),
        ({"rho": 0.9}, "density at 300 K: 0.900"),
        ({"P": 2000}, "pressure at 300 K: 2000"),
        ({"U": -9.0}, MEAN_ENERGY),
        ({"offset": 12.0}, MEAN_ENERGY),
    ],
)
def test_what_differs_is_told(tmp_path, change, complaint):
    """Frozen, slow, of another density, pressure or energy: each by its own name."""
    found = compared(tmp_path, **change)
    assert found.answer == NOT_GOOD and found.verdict.startswith("not good: ")
    failed = answers(found, NOT_GOOD).values()
    assert complaint in [f"{c.name}: {c.value}"[: len(complaint)] for c in failed]


def test_a_number_that_only_the_reference_has_is_a_failure(tmp_path):
    found = compared(tmp_path, D=None)
    note = answers(found, NOT_GOOD)[D].note
    assert "the reference has one, and model 0 has none" in note
    assert "the atoms do not move" in note and "the atoms do not move" in found.verdict


def test_what_was_not_tested_is_not_good(tmp_path):
    model, reference = job_measured(MODEL, 0), job_measured(REFERENCE, None, seed=3)
    alone = judged(tmp_path, model, [parity_of(0)])
    assert alone.answer == CANNOT_TELL and "is untested" in alone.verdict
    assert all("no MD of the reference" in c.note for c in answers(alone, UNTESTED).values())
    without = judged(tmp_path, [*model, *reference])
    assert without.answer == CANNOT_TELL
    assert set(answers(without, UNTESTED)) == {MEAN_ENERGY, "errors on held-out data"}
    nothing = [*model, *job_measured(REFERENCE, None, seed=3, D=None)]
    no_d = judged(tmp_path, nothing, [parity_of(0)])
    assert set(answers(no_d, UNTESTED)) == {D} and no_d.answer == CANNOT_TELL
    nvt_nve = judged(tmp_path, [*model, *reference], [parity_of(0)], ensembles=["nvt", "nve"])
    assert answers(nvt_nve, UNTESTED)["density at 300 K"].note == 'ensembles has no "npt"'


@pytest.mark.parametrize("change", [{}, {"D": 2.0}, {"D": 1.8}])
def test_a_short_run_cannot_tell_and_says_what_would(tmp_path, change):
    """Also of a model that is a fifth off, where nothing shows it for certain."""
    runs = [
        *job_measured(MODEL, 0, worth=12, **change),
        *job_measured(REFERENCE, None, seed=3, worth=12),
    ]
    found = judged(tmp_path, runs, [parity_of(0)])
    assert found.answer == CANNOT_TELL and " would do" in found.verdict, found.verdict
    told = answers(found, CANNOT_TELL)
    assert told[D].note.startswith("nve_steps of ")
    assert "cannot tell" in as_text(found)


def test_the_verdict_begins_with_an_explosion(tmp_path):
    """Also with one that comes late, in the last part."""
    late = job_measured(MODEL, 1)
    failed = replace(late[2].run, failed="exploded at 70 ps (temperature 9999 K)")
    late[2] = Measured(replace(failed, density_g_cm3=None))
    runs = [*job_measured(MODEL, 0, T=400), *late, *job_measured(REFERENCE, None, seed=3)]
    found = judged(tmp_path, runs, [parity_of(0), parity_of(1)], models=2)
    assert found.verdict.startswith(
        "not good: model 1 at 300 K exploded at 70 ps (temperature 9999 K) in NPT; "
        "mean temperature at 300 K: 400.0"
    )


def stays(run, level):
    """A run whose oxygens stay near their places."""
    plateau = Plateau("O", Estimate(level, 0.005, 5), (1.0, 2.0))
    return replace(run, run=replace(run.run, diffusion=(), plateaus=(plateau,)))


def test_a_solid_is_asked_for_its_displacement_and_not_for_diffusion(tmp_path):
    name = "mean square displacement of O, which stays bounded at 300 K"
    reference = [stays(part, 0.30) for part in job_measured(REFERENCE, None, seed=3)]
    for level, answer in ((0.31, GOOD), (0.60, NOT_GOOD)):
        runs = [stays(part, level) for part in job_measured(MODEL, 0)]
        checks = judged(tmp_path, [*runs, *reference]).checks
        assert {c.name: c.answer for c in checks}[name] == answer
        assert not any("self-diffusion" in c.name for c in checks)
    checks = judged(tmp_path, [*job_measured(MODEL, 0), *reference]).checks  # it has molten
    assert {c.name: c.answer for c in checks}[name] == NOT_GOOD


def alike(part, torsion, worth):
    """NVT with a torsion of two wells, the first with the weight that is given."""
    rng = np.random.default_rng(int(1000 * torsion) + len(part.run.potential))
    wells = np.where(rng.random(worth) < torsion, 1.0, -1.0) + 0.1 * rng.normal(size=worth)
    return replace(part, variables={"oh": wells})


@pytest.mark.parametrize(
    ("weight", "worth", "answer"),
    [(0.5, 3000, GOOD), (0.8, 3000, NOT_GOOD), (0.5, 100, CANNOT_TELL)],
)
def test_the_distribution_of_a_torsion_is_held_against_the_references(
    tmp_path, weight, worth, answer
):
    name = "torsion oh at 300 K"
    runs = [
        *(alike(part, weight, worth) for part in job_measured(MODEL, 0)),
        *(alike(part, 0.5, worth) for part in job_measured(REFERENCE, None, seed=3)),
    ]
    variables = ["oh: TORSION ATOMS=1,2,3,4", "d: DISTANCE ATOMS=1,2"]
    checks = {c.name: c for c in judged(tmp_path, runs, variables=variables).checks}
    assert checks[name].answer == answer, checks[name]
    if answer == CANNOT_TELL:
        assert checks[name].note.startswith("nvt_steps of ")
    assert checks["distance d at 300 K"].answer == UNTESTED


def test_a_torsion_in_the_well_of_a_slow_one_is_not_judged(tmp_path):
    """Seen on ethanol: the methyl group turned a little with the well of the OH group."""

    def slow(part, well):
        rng = np.random.default_rng(7 + well)
        oh = np.where(np.arange(800) < 30, -well, well) + 0.1 * rng.normal(size=800)
        return replace(part, variables={"oh": oh, "me": 0.15 * well + 0.2 * rng.normal(size=800)})

    runs = [
        *(slow(part, 1) for part in job_measured(MODEL, 0)),
        *(slow(part, -1) for part in job_measured(REFERENCE, None, seed=3)),
    ]
    variables = ["oh: TORSION ATOMS=1,2,3,4", "me: TORSION ATOMS=4,3,2,1"]
    checks = {c.name: c for c in judged(tmp_path, runs, variables=variables).checks}
    for name in ("torsion oh at 300 K", "torsion me at 300 K"):
        assert checks[name].answer == CANNOT_TELL, checks[name]
        assert checks[name].note.startswith("nvt_steps of ")


def test_torsions_are_measured_in_every_frame_of_nvt(tmp_path):
    params = params_of(tmp_path, variables=["w: ANGLE ATOMS=2,1,3", "d: DISTANCE ATOMS=1,2"])
    job = whole(job_of(tmp_path, params), noise=0.01)
    nvt, nve = measure(job, params, tmp_path, SYMBOLS)
    assert len(nvt.variables["w"]) == 2000 // 50 + 1 and not nve.variables
    assert np.degrees(nvt.variables["w"].mean()) == pytest.approx(104.5, abs=2.0)
    curve = nvt.run.curves["distance d"]
    _, coords, _ = water_box(N_SIDE, BOX_A, shuffle=False)
    length = np.linalg.norm(coords[1] - coords[0])
    assert np.average(curve.x, weights=curve.y) == pytest.approx(length, abs=0.01)
    assert "angle w" in nvt.run.curves


def with_modulus(part, GPa):
    return replace(part, run=replace(part.run, bulk_modulus_GPa=Estimate(GPa, 0.1 * GPa, 100)))


@pytest.mark.parametrize(
    ("bounds", "GPa", "off_bar", "answer"),
    [
        ({}, 2.2, 900, NOT_GOOD),  # water: 2 % of 2.2 GPa are 440 bar
        ({}, 140.0, 900, GOOD),  # copper: 28,000
        ({"density": 0.0003}, 140.0, 900, NOT_GOOD),
        ({"pressure_bar": 400}, 140.0, 900, NOT_GOOD),
        ({"pressure_bar": 4000}, 2.2, 900, GOOD),
        ({}, None, 900, NOT_GOOD),
    ],
)
def test_the_bound_of_the_pressure_is_that_of_the_density_in_the_material(
    tmp_path, bounds, GPa, off_bar, answer
):
    reference = job_measured(REFERENCE, None, seed=3)
    if GPa is not None:
        reference[2] = with_modulus(reference[2], GPa)
    runs = [*job_measured(MODEL, 0, P=off_bar), *reference]
    checks = {c.name: c.answer for c in judged(tmp_path, runs, bounds=bounds).checks}
    assert checks["pressure at 300 K"] == answer


def test_the_bulk_modulus_is_that_of_the_volume_s_fluctuation(tmp_path):
    """Volumes drawn from the distribution of a known one."""
    params = params_of(tmp_path, ensembles=["nvt", "nve", "npt"], npt_steps=40_000)
    job = job_of(tmp_path, params)
    whole(job)
    write_part(job, md.NPT, 4100, 40_000)
    file = job.folder / md.series(md.NPT)
    table = np.loadtxt(file)
    volume_A3, modulus_eV_A3 = 800.0, 2.2 / EV_A3_IN_GPA
    spread = np.sqrt(KB_EV * 300 * volume_A3 / modulus_eV_A3)
    drawn = volume_A3 + spread * np.random.default_rng(4).normal(size=len(table))
    mass_g = N_SIDE**3 * (15.9994 + 2 * 1.008) * AMU_G
    table[:, 5] = mass_g / (drawn * 1e-24)
    np.savetxt(file, table, fmt="%.8g")
    found = measure(job, params, tmp_path, SYMBOLS)[2].run.bulk_modulus_GPa
    assert abs(found.value - 2.2) < 3 * found.error < 0.4


def asked(off, error, bound=1.0, **more):
    return ask(
        "q", "b", [CheckResult(0, "x", off, bound, error, **more)], Length("nvt_steps", 1000)
    )


@pytest.mark.parametrize(
    ("off", "error", "answer"),
    [
        (0.9, 0.0, GOOD),
        (1.1, 0.0, NOT_GOOD),
        (0.0, 0.6, GOOD),  # 1.645 * 0.6 < 1: two one-sided tests at 5 %
        (0.0, 0.62, CANNOT_TELL),
        (-0.5, 0.31, CANNOT_TELL),
        (4.5, 1.5, CANNOT_TELL),  # not three standard errors beyond the bound
        (-6.0, 1.5, NOT_GOOD),
        (float("nan"), float("nan"), NOT_GOOD),
        (0.1, float("nan"), CANNOT_TELL),
        (0.1, None, CANNOT_TELL),
    ],
)
def test_a_bound_is_a_question_of_equivalence(off, error, answer):
    assert asked(off, error).answer == answer


def test_the_length_that_would_do_is_told():
    # 1.645 * 1.0 is to become 1.0
    assert asked(0.0, 1.0).note == "nvt_steps of 2800 would do"
    assert asked(0.0, 1.0, independent=5).note == "nvt_steps of 4600 would do"  # Student's
    assert asked(0.0, None, independent=5).note == "nvt_steps of 10000 would do"
    assert asked(0.99, 0.1).note == "nvt_steps of 1500 would do"  # not a length without end
    assert asked(0.0, 0.5, independent=3).answer == CANNOT_TELL


def test_the_worst_model_answers():
    name = ("q", "b")
    good, bad = CheckResult(0, "x", 0.1, 1.0), CheckResult(1, "y", 2.0, 1.0)
    assert ask(*name, [good, bad]).value == "y (model 1, the worst of 2)"
    assert ask(*name, [good, Missing(1, "why")]).note == "why"
    assert ask(*name, []).answer == UNTESTED


@pytest.mark.parametrize(("true", "least"), [(1.0, 0.9), (1.25, 0.9), (0.5, 0.9)])
def test_the_verdict_of_a_known_error(true, least):
    """D known to 4 %: a model that is right is good, one 25 % off hardly ever."""
    rng = np.random.default_rng(1)
    found = [asked(d - 1, 0.056, 0.2, independent=20).answer for d in rng.normal(true, 0.056, 300)]
    share = np.mean([one == GOOD for one in found])
    assert share > least if true == 1.0 else share < 0.05


def test_structure_is_compared_beyond_the_bonds():
    """The sharp O-H peak of the molecules would outweigh all between them."""
    types, coords, _ = water_box(N_SIDE, BOX_A, shuffle=False)
    rng = np.random.default_rng(1)
    frames = coords + rng.normal(scale=0.02, size=(10, N_ATOMS, 3))
    cells = np.tile(BOX_A * np.eye(3), (10, 1, 1))
    found = rdf_with_errors(frames, cells, types, (0, 1), 4.6, 92, 5)
    low, high = checks.beyond_bonds(found)
    assert 1.0 < low < 1.5 and high == found.r_A[-1]
    gas = rng.uniform(0, BOX_A, size=(10, N_ATOMS, 3))
    assert checks.beyond_bonds(rdf_with_errors(gas, cells, types, (0, 1), 4.6, 10, 5)) is None


def test_details_of_dp_test_are_read_system_by_system(tmp_path):
    e, f = tmp_path / "x.e.out", tmp_path / "x.f.out"
    e.write_text("# a: data_e pred_e\n-1 -1.1\n-2 -2.2\n# b: data_e pred_e\n-3 -3.3\n")
    rows = [f"{i} 0 0 {i + 1} 0 0" for i in range(4 + 3)]
    f.write_text("\n".join(["# a: ...", *rows[:4], "# b: ...", *rows[4:]]) + "\n")
    one, other = read_details(e, f)
    assert one.forces_eV_A.shape == (2, 2, 3, 2) and other.forces_eV_A.shape == (1, 3, 3, 2)
    np.testing.assert_allclose(one.energies_eV, [[-1, -1.1], [-2, -2.2]])
    np.testing.assert_allclose(one.forces_eV_A[1, 1, 0], [3, 4])
    f.write_text("\n".join(["# a: ...", *rows[:3]]) + "\n")
    with pytest.raises(CalculationError, match="cannot be read"):
        read_details(e, f)
    e.write_text("")
    f.write_text("")
    with pytest.raises(CalculationError, match="no frame"):
        read_details(e, f)


def test_components_of_forces_have_a_bound_of_components():
    parities = [
        Parity("v", model, 1000, 5.0, energy, force)
        for model, (energy, force) in enumerate([(1.0, 80.0), (2.0, 120.0)])
    ]
    energy, force = checks.parity_checks(parities, ValidationBounds())
    assert energy.answer == GOOD and "2.00 meV/atom (model 1, the worst of 2)" in energy.value
    assert force.answer == NOT_GOOD and force.value.startswith("120 meV/A (model 1")
    (force,) = checks.parity_checks([Parity("v", 0, 10, 5.0, 1.0, 80.0)], ValidationBounds())[1:]
    assert force.answer == CANNOT_TELL and force.note == "frames in v: a number of 15 would do"


def test_records_of_the_first_version_are_read(tmp_path):
    record = Validation(
        0,
        (0,),
        "",
        "good",
        GOOD,
        checks=(Check("a", "b", "c", GOOD), Check("d", "e", "f", NOT_GOOD)),
        rdf_distance={"O-O 300 K": Estimate(0.1, None)},
    )
    save(tmp_path / "v.json", record)
    content = json.loads((tmp_path / "v.json").read_text()) | {"format": 1}
    for one in (content, *content["checks"]):
        one["ok"] = one.pop("answer") == GOOD
    del content["rdf_noise"], content["rdf_distance"]["O-O 300 K"]["independent"]
    (tmp_path / "v.json").write_text(json.dumps(content))
    assert load(tmp_path / "v.json") == record
