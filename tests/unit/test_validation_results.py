"""From the files of MD to a verdict: whole runs, exploded ones, truncated ones, short ones."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.loop.conftest import PARAM
from tests.waters import water_box
from wtemlp.analysis.structure import rdf_with_errors
from wtemlp.config.keys.validation import ValidationBounds
from wtemlp.config.params import load_params
from wtemlp.core.errors import CalculationError
from wtemlp.core.units import KCAL_MOL_IN_EV
from wtemlp.md import validation_script as md
from wtemlp.md.dump import write_dump
from wtemlp.records.validation_record import (
    MODEL,
    REFERENCE,
    Check,
    Estimate,
    Parity,
    Validation,
    load,
    save,
)
from wtemlp.validation import checks
from wtemlp.validation.jobs import MdJob
from wtemlp.validation.measure import measure
from wtemlp.validation.outputs import read_parts, read_series, read_trajectory, read_velocities
from wtemlp.validation.page import as_text
from wtemlp.validation.parity import read_details
from wtemlp.validation.verdict import _checks, _verdict
from wtemlp.validation.viscosity import viscosity

N_SIDE, BOX_A = 3, 9.32
N_ATOMS = 3 * N_SIDE**3
DT_PS = 0.0005
BLOCK = {
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
    return MdJob(folder, {}, "", (), (), potential=potential, model=model, plan=plan)


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
    total = np.full(len(step), 5.0) + 1e-4 * rng.normal(size=len(step))
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
        nvt, nve = (m.run for m in measure(job, params, tmp_path, N_ATOMS))
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
    nve = measure(job, params, tmp_path, N_ATOMS)[1].run
    (found,) = nve.diffusion
    # <dx^2> = 0.05^2 in 20 steps of 0.5 fs: D = 0.125 A2/ps = 1.25e-5 cm2/s
    assert found.d_pbc.value == pytest.approx(1.25, abs=4 * found.d_pbc.error)
    assert 0 < found.d_pbc.error < 0.3
    # 2.837297 kT / (6 pi eta L), eta 0.321 mPa s, L 9.32 A
    more = 2.837297 * 1.380649e-23 * 300 / (6 * np.pi * 0.321e-3 * 9.32e-10) * 1e9
    assert found.d_corrected.value - found.d_pbc.value == pytest.approx(more)
    assert found.viscosity_mPa_s == 0.321


def test_viscosity_is_known_near_298_K_or_given(tmp_path):
    params = params_of(tmp_path)
    assert viscosity(params, 300.0).mPa_s == 0.321 and viscosity(params, 350.0) is None
    given = params_of(tmp_path, temps=[280, 350], viscosity_mPa_s=[0.4, 0.2])
    assert viscosity(given, 350.0).mPa_s == 0.2
    other = replace(params, force_field=None)
    assert viscosity(other, 300.0) is None


def test_an_exploded_run_says_when_and_why(tmp_path):
    params = params_of(tmp_path)
    job = job_of(tmp_path, params)
    write_part(job, md.NVT, 100, 800)
    for name in (md.series(md.NVE), md.trajectory(md.NVE)):
        (job.folder / name).touch()
    note = job.folder / md.STOPPED
    note.write_text("temperature 12345.6 K at step 910 of the run, in NVT: above 900 K\n")
    nvt, nve = (m.run for m in measure(job, params, tmp_path, N_ATOMS))
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
    assert measure(job, params, tmp_path, N_ATOMS)[0].run.temperature_K is not None
    series.write_text(series.read_text() + "nan nan nan nan nan nan\nwhat is this\n1 2 x 4 5 6\n")
    assert len(read_series(job, md.NVT)) == 200


def test_without_files_there_is_a_record_and_a_reason(tmp_path):
    params = params_of(tmp_path)
    job = job_of(tmp_path, params)
    nvt = measure(job, params, tmp_path, N_ATOMS)[0].run
    assert nvt.temperature_K is None and nvt.notes == (
        "only 0 values were recorded: there are no means",
    )
    assert read_velocities(job, params.type_map) is None


def test_a_short_trajectory_has_no_diffusion_and_says_why(tmp_path):
    params = params_of(tmp_path)
    job = job_of(tmp_path, params)
    write_part(job, md.NVT, 100, 2000)
    write_part(job, md.NVE, 2100, 1000)
    nve = measure(job, params, tmp_path, N_ATOMS)[1].run
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


def everything(tmp_path, params, jobs):
    runs = [m for job in jobs for m in measure(job, params, tmp_path, N_ATOMS)]
    found, distances, noises = _checks(params, runs, ())
    ok = all(check.ok for check in found)
    record = Validation(
        iteration=0,
        models=(0, 1),
        reference="tip3p-flexible",
        ok=ok,
        verdict=_verdict(params, found, ok),
        md=tuple(m.run for m in runs),
        checks=tuple(found),
        rdf_distance=distances,
        rdf_noise=noises,
    )
    save(tmp_path / "validation.json", record)
    assert load(tmp_path / "validation.json") == record
    return record


def test_models_like_the_reference_are_good(tmp_path):
    params = params_of(tmp_path, models=2)
    jobs = [
        whole(job_of(tmp_path, params, MODEL, 0), seed=1),
        whole(job_of(tmp_path, params, MODEL, 1), seed=2),
        whole(job_of(tmp_path, params, REFERENCE, None), seed=3),
    ]
    found = everything(tmp_path, params, jobs)
    assert found.ok, [check for check in found.checks if not check.ok]
    assert found.verdict.startswith("good: 2 models at 300 K within all")
    assert set(found.rdf_distance) == {"O-O 300 K", "O-H 300 K", "H-H 300 K"}
    assert all(one.error is not None for one in found.rdf_distance.values())
    text = as_text(found)
    lines = [line.split("  ")[0] for line in text.splitlines()]
    assert lines[1:5] == ["model 0", "model 1", "their mean +- spread", "reference"]
    assert "NO" not in lines


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"mean_K": 330}, "mean temperature at 300 K: 3"),
        ({"drift": 0.1}, "temperature drift at 300 K"),
        ({"noise": 0.3}, "g(r) of O-H at 300 K"),
    ],
)
def test_what_differs_is_told(tmp_path, change, complaint):
    params = params_of(tmp_path, models=1)
    jobs = [
        whole(job_of(tmp_path, params, MODEL, 0), **change),
        whole(job_of(tmp_path, params, REFERENCE, None), seed=3),
    ]
    found = everything(tmp_path, params, jobs)
    assert not found.ok and found.verdict.startswith("not good: ")
    assert complaint in [f"{c.name}: {c.value}"[: len(complaint)] for c in found.checks if not c.ok]


def test_the_verdict_begins_with_an_explosion(tmp_path):
    params = params_of(tmp_path, models=2)
    jobs = [job_of(tmp_path, params, MODEL, model) for model in range(2)]
    whole(jobs[0], mean_K=400)
    (jobs[1].folder / md.STOPPED).write_text("temperature 1e9 K at step 200 of the run, in NVT")
    found = everything(tmp_path, params, jobs)
    assert found.verdict.startswith(
        "not good: model 1 at 300 K exploded at 0.1 ps (temperature 1000000000 K) in NVT; "
        "mean temperature"
    )


def test_a_bound_allows_for_the_error():
    def answer(off, error):
        return checks.CheckResult(0, "x", off, 1.0, error)

    assert checks.ask("q", "b", [answer(0.9, 0.0)])[0].ok
    assert not checks.ask("q", "b", [answer(1.1, 0.0)])[0].ok
    doubtful = checks.ask("q", "b", [answer(4.5, 1.5)])[0]
    assert doubtful.ok and doubtful.note == checks.TOO_SHORT
    assert not checks.ask("q", "b", [answer(6.0, 1.5)])[0].ok
    assert not checks.ask("q", "b", [answer(float("nan"), float("nan"))])[0].ok
    assert not checks.ask("q", "b", [answer(2.0, float("nan"))])[0].ok
    assert checks.ask("q", "b", []) == []


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


def test_parity_is_checked_against_the_trust_level():
    parities = [
        Parity("v", model, 10, 5.0, energy, force)
        for model, (energy, force) in enumerate([(1.0, 80.0), (2.0, 120.0)])
    ]
    energy, force = checks.parity_checks(parities, ValidationBounds(), 100.0)
    assert energy.ok and "2.00 meV/atom (model 1, the worst of 2)" in energy.value
    assert not force.ok and force.value.startswith("120 meV/A (model 1")


def test_records_of_the_first_version_are_read(tmp_path):
    record = Validation(
        0,
        (0,),
        "",
        "good",
        True,
        checks=(Check("a", "b", "c", True),),
        rdf_distance={"O-O 300 K": Estimate(0.1, None)},
    )
    save(tmp_path / "v.json", record)
    content = json.loads((tmp_path / "v.json").read_text())
    del content["rdf_noise"]
    (tmp_path / "v.json").write_text(json.dumps(content))
    assert load(tmp_path / "v.json") == record
