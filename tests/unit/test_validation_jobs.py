"""What a validation is to do: the models, the structure, the scripts, and what has changed."""

import json
from dataclasses import replace

import ase.build
import ase.io
import numpy as np
import pytest

from tests.support.validation_jobs import BOX_A, make
from wtemlp.config.keys.validation import MdVariable
from wtemlp.config.params import load_params
from wtemlp.core.errors import InputError
from wtemlp.dispatch.script import AGAIN, DONE
from wtemlp.md import validation_script as md
from wtemlp.md.reference_script import SCRIPT
from wtemlp.md.validation_script import START
from wtemlp.validation.folders import find_models
from wtemlp.validation.jobs import renew
from wtemlp.validation.run import _outline
from wtemlp.validation.work import plan_work

PARTS = ("equilibration", "NVT", "NVE", "NPT")
DFT = {"fp_style": "gaussian", "fp_params": {"keywords": "force b3lyp/6-31g*", "nproc": 1}}


@pytest.fixture
def made(tmp_path):
    return make(tmp_path, BOX_A * np.eye(3), np.eye(3))


def test_one_job_a_potential_and_temperature(made, tmp_path):
    work = plan_work(*made, tmp_path, None)
    assert work.places.iteration == 1
    names = [str(job.folder.relative_to(tmp_path / "validation")) for job in work.models]
    assert names == [
        f"iter.000001/md.models/model.{model:03d}.{kelvin}K"
        for kelvin in (300, 350)
        for model in (0, 1)
    ]
    assert [job.folder.name for job in work.reference] == ["300K", "350K"]
    seeds = {
        seed
        for job in (*work.models, *work.reference)
        for seed in (job.plan.velocity_seed, job.plan.thermostat_seed)
    }
    assert len(seeds) == 12
    assert plan_work(*made, tmp_path, None) == work  # a function of the input
    # models of another training have noise of their own, whatever the seed; the reference is shared
    others = plan_work(*made, tmp_path, 0).models
    own = {job.plan.velocity_seed for job in work.models}
    assert not own & {job.plan.velocity_seed for job in others}
    assert plan_work(*made, tmp_path, 0).reference == work.reference
    command = work.parity.command
    assert command.count("wtemlp dp") == 1 and command.count("test -m ../graph.") == 4


def test_both_potentials_run_the_same(made, tmp_path):
    work = plan_work(*made, tmp_path, None)
    model, reference = (job.inputs[SCRIPT] for job in (work.models[0], work.reference[0]))
    assert "units           metal" in model and "units           real" in reference
    assert "timestep        0.0005\n" in model and "timestep        0.5\n" in reference
    assert "temp/csvr 300 300 0.1 " in model and "temp/csvr 300 300 100 " in reference
    assert "nph iso 1 1 0.5\n" in model and "nph iso 0.9869232667 0.9869232667 500\n" in reference
    assert "pair_style      deepmd ../graph.000.pb\n" in model
    assert "cut/coul/long 4.5" in reference
    for script in (model, reference):
        runs = [line.split()[1] for line in script.splitlines() if line.startswith("run ")]
        assert runs == ["10000", "666667", "2000000", "800000"]  # so long: there are 24 atoms
        assert 'variable        temp_ok equal "temp < 900"' in script
        assert all(f"of the run, in {part}: above 900 K" in script for part in PARTS)
    for text, masses in ((model, ("15.9994", "1.008")), (reference, ("15.9994", "1.008"))):
        lines = [line.split() for line in text.splitlines() if line.startswith("mass ")]
        assert [line[2] for line in lines] == list(masses)


def test_the_references_masses_are_the_models(tmp_path):
    made = make(tmp_path, BOX_A * np.eye(3), np.eye(3), mass_map=[18.0, 2.014])
    script = plan_work(*made, tmp_path, None).reference[0].inputs[SCRIPT]
    assert "mass            1 18\n" in script and "mass            2 2.014\n" in script


def test_a_cell_in_any_orientation_is_lammpss(tmp_path):
    """A tilted cell, turned: both data files have it lower triangular, and the same."""
    cell = np.array([[BOX_A, 0, 0], [1.3, BOX_A, 0], [-0.7, 0.9, BOX_A]])
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0]
    turn *= np.sign(np.linalg.det(turn))
    structure = plan_work(*make(tmp_path, cell, turn), tmp_path, None).structure
    for text in (structure.conf, structure.reference.files[START]):
        lines = [line.split() for line in text.splitlines()]
        (tilt,) = [line for line in lines if line[3:] == ["xy", "xz", "yz"]]
        assert np.array(tilt[:3], float) == pytest.approx([1.3, -0.7, 0.9], abs=1e-5)
    assert structure.elements == ("O",) * 8 + ("H",) * 16


def test_other_fp_styles_have_no_reference_md(tmp_path):
    made = make(tmp_path, BOX_A * np.eye(3), np.eye(3), **DFT, validation_data_sys=[])
    work = plan_work(*made, tmp_path, None)
    assert work.reference == () and work.parity is None and len(work.models) == 4
    line = _outline(work)
    assert 'no MD with the reference: "fp_style": "gaussian" gives none' in line
    assert "no errors on held-out data: validation_data_sys is empty" in line


def test_a_sampler_of_another_method_is_no_reference_unless_it_is_said(tmp_path):
    """What it finds says nothing of models that learn other labels."""
    block = {"fp_style": "lammps", "fp_params": {"force_field": "tip3p-flexible", "cutoff_A": 4}}
    made = make(tmp_path, BOX_A * np.eye(3), np.eye(3), **DFT, sampler=block)
    work = plan_work(*made, tmp_path, None)
    assert work.reference == ()
    assert "sampler is another method than the labels" in _outline(work)
    content = json.loads(made[0].source.read_text())
    content["validation"]["reference"] = True
    made[0].source.write_text(json.dumps(content))
    params = load_params(made[0].source, tmp_path, check_files=False)
    work = plan_work(params, made[1], tmp_path, None)
    assert len(work.reference) == 2 and "and the reference" in _outline(work)


def test_a_molecule_alone_neither_moves_nor_turns(tmp_path):
    """Nor has it a pressure; the reference's has no images, and is in one piece."""
    changes = {"fp_style": "ase", "fp_params": {"calculator": "emt", "periodic": False}}
    params, machines = make(
        tmp_path, BOX_A * np.eye(3), np.eye(3), **changes, validation={"models": 1}
    )
    # Water, cut by two faces of its cell.
    poscar = "one\n1\n20 0 0\n0 20 0\n0 0 20\nO H\n1 2\nC\n0.2 0.2 3\n19.6 19.7 3\n0.9 0.7 3\n"
    (tmp_path / "conf/0.POSCAR").write_text(poscar)
    work = plan_work(params, machines, tmp_path, None)
    for job in (work.models[0], work.reference[0]):
        script = job.inputs[SCRIPT]
        assert "extra/dof 6" in script and "fix_modify      thermostat temp thermo_temp" in script
        assert "rot yes dist gaussian temp thermo_temp" in script and "$(press" not in script
        assert md.at_rest(job.plan.n_alone) == 3 and "nph" not in script
        assert job.plan.limit_K == pytest.approx(300 * 22.7, rel=0.01)  # 3 degrees of freedom
    assert work.params.validation.variables == ()
    assert "boundary        f f f" in work.reference[0].inputs[SCRIPT]
    rows = work.reference[0].inputs[START].split("Atoms # atomic\n\n")[1].splitlines()
    places = np.array([row.split()[2:5] for row in rows], dtype=float)
    assert np.linalg.norm(places[1:] - places[0], axis=1) == pytest.approx([0.78, 0.86], abs=0.01)
    assert (places.min(axis=0) + places.max(axis=0)) / 2 == pytest.approx([10, 10, 10])


def test_torsions_of_a_molecule_alone_are_found(tmp_path):
    changes = {"fp_style": "ase", "fp_params": {"calculator": "emt", "periodic": False}}
    params, machines = make(
        tmp_path, BOX_A * np.eye(3), np.eye(3), **changes, validation={"models": 1}
    )
    atoms = ase.build.molecule("H2O2", vacuum=8.0)
    ase.io.write(tmp_path / "conf/0.POSCAR", atoms, format="vasp")
    found = plan_work(params, machines, tmp_path, None).params.validation.variables
    assert found == (MdVariable("H3-O1-O2-H4", (3, 1, 2, 4)),)
    own = replace(params.validation, variables=(MdVariable("oo", (4, 2, 1, 3)),))
    found = plan_work(replace(params, validation=own), machines, tmp_path, None)
    assert found.params.validation.variables == own.variables  # about the same bond
    none = replace(params.validation, given=frozenset({"variables"}))
    found = plan_work(replace(params, validation=none), machines, tmp_path, None)
    assert found.params.validation.variables == ()


def test_an_atom_that_is_not_there_is_told(tmp_path):
    block = {"variables": ["t: TORSION ATOMS=1,2,3,99"]}
    params, machines = make(tmp_path, BOX_A * np.eye(3), np.eye(3), validation=block)
    with pytest.raises(InputError, match=r'"t" has atom 99, and .* has 24'):
        plan_work(params, machines, tmp_path, None)


def test_models_are_those_that_are_trained(made, tmp_path):
    assert find_models(tmp_path, None, 4)[0] == 1
    (tmp_path / "iter.000001/00.train/graph.003.pb").unlink()
    assert find_models(tmp_path, None, 4)[0] == 0
    with pytest.raises(InputError, match="--iteration: 1 has no trained models; those that have"):
        find_models(tmp_path, 1, 4)
    with pytest.raises(InputError, match="there are no trained models here; train some with"):
        find_models(tmp_path, None, 5)


def test_what_cannot_be_run_is_told(tmp_path):
    params, machines = make(tmp_path, BOX_A * np.eye(3), np.eye(3))
    (tmp_path / "conf/0.POSCAR").unlink()
    with pytest.raises(InputError, match="no structure of system 0 to start MD from"):
        plan_work(params, machines, tmp_path, None)


def test_a_structure_that_is_not_water_is_told(tmp_path):
    params, machines = make(tmp_path, BOX_A * np.eye(3), np.eye(3))
    file = tmp_path / "conf/0.POSCAR"
    lines = file.read_text().splitlines()
    lines[8] = "0.9 0.9 0.9"
    file.write_text("\n".join(lines) + "\n")
    with pytest.raises(InputError, match="cannot be run with the reference"):
        plan_work(params, machines, tmp_path, None)


def test_jobs_of_other_inputs_begin_anew(made, tmp_path):
    work = plan_work(*made, tmp_path, None)
    for job in work.models:
        job.task()
        (job.folder / DONE).touch()
    assert renew(work.models, made[1].model_devi, tmp_path) == 0
    graph = work.graphs[1]
    graph.write_text("trained anew")
    changed = plan_work(*made, tmp_path, None).models
    assert renew(changed, made[1].model_devi, tmp_path) == 2
    for job in changed:
        assert (job.folder / DONE).exists() == (job.model == 0)
        assert (job.folder / AGAIN).exists() == (job.model == 1)
    assert changed[0].folder / md.STOPPED not in changed[0].folder.iterdir()
