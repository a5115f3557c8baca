"""``wtemlp validate`` with real engines: units, energies, and a model that knows nothing."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.support import program
from tests.support.engines import engine_environment
from wtemlp.core.units import KCAL_MOL_IN_EV
from wtemlp.md import validation_script as md
from wtemlp.records.summary import load_summary
from wtemlp.records.validation_record import MODEL, REFERENCE, Validation, load

VALIDATION = {
    "temps": [300],
    "ensembles": ["nvt", "nve", "npt"],
    "models": 1,
    "vacf": True,
    "equil_steps": 200,
    "nvt_steps": 400,
    "nve_steps": 200,
    "npt_steps": 200,
    "trj_freq": 10,
    "thermo_freq": 4,
}
N_ATOMS = 96


def validated(folder: Path) -> tuple[Validation, str]:
    words = ("validate", "param.json", "machine.json")
    done = program.run(*words, cwd=folder, timeout=600, **engine_environment())
    assert done.returncode == 0, done.stdout + done.stderr
    return load(folder / "validation/validation.json"), done.stdout


@pytest.fixture(scope="module")
def folder(run, tmp_path_factory) -> Path:
    copy = tmp_path_factory.mktemp("validate") / "run"
    shutil.copytree(run.folder, copy, symlinks=True)
    param = json.loads((copy / "param.json").read_text())
    (copy / "param.json").write_text(json.dumps(param | {"validation": VALIDATION}))
    return copy


@pytest.fixture(scope="module")
def normal(folder) -> tuple[Validation, str]:
    return validated(folder)


def columns(folder: Path, run, ensemble: str) -> dict[str, np.ndarray]:
    table = np.loadtxt(folder / run.folder / md.series(ensemble))
    return dict(zip(md.SERIES_COLUMNS, table.T, strict=True))


def test_energies_are_those_of_the_labels(folder, normal):
    """In eV: the reference's in kcal/mol, not converted, would be 23 times as large."""
    labels = np.concatenate(
        [np.load(file) for file in folder.glob("init/data/**/set.*/energy.npy")]
    )
    for potential in (REFERENCE, MODEL):
        (nvt,) = normal[0].runs(potential=potential, ensemble="nvt")
        if nvt.energy_mean_eV is None:
            assert potential == MODEL and nvt.failed
            continue
        far = 12 * labels.std() if potential == REFERENCE else 6
        assert nvt.energy_mean_eV.value == pytest.approx(labels.mean(), abs=far)


def test_the_references_md_is_right(folder, normal):
    nvt, nve, npt = normal[0].runs(potential=REFERENCE)
    assert not any(run.failed for run in (nvt, nve, npt))
    assert nvt.temperature_K.value == pytest.approx(300, abs=60)
    assert nvt.temperature_std_expected_K == pytest.approx(300 * np.sqrt(2 / 285))
    total = columns(folder, nve, "nve")["total"] * KCAL_MOL_IN_EV
    assert 1e3 * np.ptp(total) / N_ATOMS < 2  # meV/atom
    mean = columns(folder, nvt, "nvt")["total"][1:].mean() * KCAL_MOL_IN_EV
    assert total[0] == pytest.approx(mean, abs=0.01)  # NVE begins with NVT's mean energy
    assert npt.density_g_cm3.value == pytest.approx(nvt_density(folder, nvt), rel=0.15)
    peak = nvt.curves["rdf O-H"]
    assert peak.x[int(np.argmax(peak.y))] == pytest.approx(0.97, abs=0.06)
    assert nve.curves["vacf O"].y[0] == 1 and nve.curves["vacf O"].x[1] == pytest.approx(0.002)


def nvt_density(folder: Path, nvt) -> float:
    return columns(folder, nvt, "nvt")["density"][0]


def test_velocities_have_the_temperature(folder, normal):
    """m <v^2> = 3 k T of the oxygens, from LAMMPS's Angstrom/fs."""
    nve = normal[0].runs(potential=REFERENCE, ensemble="nve")[0]
    lines = (folder / nve.folder / md.VELOCITIES).read_text().splitlines()
    rows = np.array([line.split() for line in lines if len(line.split()) == 5], float)
    speed2 = (rows[:, 2:] ** 2).sum(axis=1).mean() * 1e10  # m2/s2
    temperature = 15.9994e-3 / 6.02214076e23 * speed2 / (3 * 1.380649e-23)
    assert temperature == pytest.approx(300, rel=0.35)


def test_errors_are_those_of_the_training(folder, normal):
    """The run's own `dp test` of the same models on the same data."""
    row = load_summary(folder / "iter.000001/summary.json")
    found = normal[0].parity
    assert [one.model for one in found] == [0, 1]
    forces = [one.force_rmse_meV_A for one in found]
    assert forces == pytest.approx(row.force_rmse_models, rel=1e-3)
    energies = [one.energy_rmse_meV_atom for one in found]
    assert energies == pytest.approx(row.energy_rmse_models, rel=1e-3)


def test_the_record_and_the_page_are_whole(normal):
    found, output = normal
    assert {(run.potential, run.ensemble) for run in found.md} == {
        (potential, ensemble)
        for potential in (MODEL, REFERENCE)
        for ensemble in VALIDATION["ensembles"]
    }
    assert found.reference.startswith("tip3p-flexible") and found.iteration == 1
    assert found.verdict in output or found.verdict.replace("not", "Not", 1) in output
    assert all(check.name in output for check in found.checks)


def test_a_model_that_knows_nothing_is_not_good(folder, normal):
    """Trained for one step: a verdict and exit 0, and the reference's MD is not done again."""
    train = folder / "iter.000001/00.train"
    content = json.loads((train / "000/input.json").read_text())
    content["training"] |= {"numb_steps": 1, "save_freq": 1, "disp_freq": 1}
    work = train / "bad"
    work.mkdir()
    (work / "input.json").write_text(json.dumps(content))
    subprocess.run(
        [sys.executable, "-m", "wtemlp.md.dp", "train", "input.json", "+", "freeze", "-o", "f.pb"],
        cwd=work,
        env=engine_environment(),
        check=True,
        capture_output=True,
        timeout=300,
    )
    (train / "graph.000.pb").unlink()
    (train / "graph.000.pb").symlink_to("bad/f.pb")
    before = [run for run in normal[0].md if run.potential == REFERENCE]
    found, output = validated(folder)
    assert not found.ok and found.verdict.startswith("not good: ") and "Not good: " in output
    assert [run for run in found.md if run.potential == REFERENCE] == before
    assert found.parity[0].force_rmse_meV_A > 2 * normal[0].parity[0].force_rmse_meV_A
    (rdf,) = [check for check in found.checks if check.name.startswith("g(r) of O-O")] or [None]
    assert rdf is None or rdf.answer != "good"
