"""Structures of a parameter file: read before a run begins, and the same ones by every way in."""

import json

import numpy as np
import pytest

from tests.support.label_inputs import by_lammps, write_input
from tests.support.params import write_system
from tests.support.structures import OTHER, U, data_file, poscar, stru
from tests.support.validation_jobs import make
from wtemlp.config.machine.sections import load_machines
from wtemlp.config.params import examine_params, load_params
from wtemlp.core.errors import CalculationError, InputError
from wtemlp.core.paths import RunPaths
from wtemlp.preflight.findings import Findings
from wtemlp.preflight.inputs import check_params
from wtemlp.reference import short_nvt
from wtemlp.reference.sampler import sampler_of
from wtemlp.stages.context import RunContext
from wtemlp.stages.dpgen import explore, import_walkers
from wtemlp.stages.exploration.starting_structures import write_structures
from wtemlp.structures.lammps_data import read_data
from wtemlp.validation.structure import read_structure as validated_structure

#: H is type 1 and O is type 2; type_map is O, H.
WATER = """LAMMPS data file

3 atoms
2 atom types
0.0 9.0 xlo xhi
0.0 9.0 ylo yhi
0.0 9.0 zlo zhi

Masses

1 1.008 # HW
2 15.9994 # OW

Atoms # full

3 1 1 0.4 0.76 1.93 1.0
1 1 2 -0.8 1.0 1.0 1.0
2 1 1 0.4 1.96 1.0 1.0
"""
CLUSTERS = {"use_clusters": True, "cluster_cutoff": 3.0}


def write(root, text=WATER, fmt="lammps/lmp", patterns=("conf/a.data",), **changes):
    """The input of a run that starts from a text."""
    write_input(root, "gaussian")
    for name, energy in (("train", 0.0), ("validation", 0.1)):
        write_system(root / "data" / name, energies=[energy])
    param = json.loads((root / "param.json").read_text()) | {"sys_configs_prefix": ""}
    param |= by_lammps(sys_configs=[list(patterns)], sys_format=fmt, **changes)
    (root / "param.json").write_text(json.dumps(param))
    (root / "conf").mkdir()
    (root / "conf/a.data").write_text(text)


def load(root, check_files=False):
    """The parameter file's record."""
    return load_params(root / "param.json", root, check_files)


def context(root) -> RunContext:
    machines = load_machines(root / "machine.json", root)
    return RunContext(load(root), machines, RunPaths(root))


def elements(text: str) -> list[str]:
    """The elements of a run's data file for LAMMPS, in whose script types are those of type_map."""
    return [("O", "H")[kind - 1] for kind in read_data(text.splitlines()).types]


def test_walkers_start_from_the_elements_that_a_file_tells(tmp_path):
    write(tmp_path)
    run = context(tmp_path)
    starts = write_structures(run, 0, run.params.jobs[0], tmp_path / "confs")
    assert elements((tmp_path / "confs" / starts[0][0].conf).read_text()) == ["O", "H", "H"]


def test_so_do_those_that_dpgen_prepares(tmp_path):
    """DP-GEN's own reading takes them for H, O, O."""
    write(tmp_path, **CLUSTERS)
    (tmp_path / "iter.000000/00.train").mkdir(parents=True)
    for k in range(4):
        (tmp_path / f"iter.000000/00.train/graph.{k:03d}.pb").touch()
    explore.prepare(context(tmp_path), 0)
    (conf,) = (tmp_path / "iter.000000/01.model_devi/confs").glob("*.lmp")
    assert elements(conf.read_text()) == ["O", "H", "H"]
    assert (conf.with_suffix(".poscar")).read_text() == WATER


@pytest.mark.parametrize(("types", "why"), [("122", ""), ("211", "other elements than")])
def test_walkers_of_dpgen_with_other_elements_are_prepared_again(tmp_path, types, why):
    """DP-GEN has taken the numbers of the file's types for those of type_map."""
    write(tmp_path)
    folder = tmp_path / "iter.000000/01.model_devi"
    task = folder / "task.000.000000"
    (folder / "confs").mkdir(parents=True)
    task.mkdir()
    (folder / "confs/000.0000.poscar").symlink_to(tmp_path / "conf/a.data")
    atoms = "\n".join(f"{k} {kind} 1.0 {k} 1.0" for k, kind in enumerate(types, 1))
    (folder / "confs/000.0000.lmp").write_text(
        f"\n3 atoms\n2 atom types\n0 9 xlo xhi\n0 9 ylo yhi\n0 9 zlo zhi\n\n"
        f"Atoms # atomic\n\n{atoms}\n"
    )
    (task / "conf.lmp").symlink_to("../confs/000.0000.lmp")
    (task / "input.lammps").write_text("timestep 0.001\n")
    (task / "job.json").write_text('{"temps": 300, "ensemble": "nvt"}')
    said = import_walkers.adopt(context(tmp_path), 0, done=False, stored=False)
    assert why in said and bool(why) == bool(said)


def test_so_do_validations_and_reference_runs(tmp_path):
    params, _ = make(tmp_path, 9.0 * np.eye(3), np.eye(3))
    data = tmp_path / "a.data"
    data.write_text(WATER)
    param = json.loads(params.source.read_text())
    param |= {"sys_configs": [["a.data"]], "sys_format": "lammps/lmp"}
    params.source.write_text(json.dumps(param))
    params = load_params(params.source, tmp_path, check_files=False)
    found = validated_structure(params, tmp_path)
    assert found.elements == ("O", "H", "H")
    assert elements(found.conf) == ["O", "H", "H"]
    sampler = sampler_of(params.sampler, params.type_map, tmp_path)
    assert short_nvt.inputs(params, sampler, data, 300.0, 10)


def test_a_structure_that_has_changed_within_a_run_is_named(tmp_path):
    write(tmp_path)
    run = context(tmp_path)
    (tmp_path / "conf/a.data").write_text(WATER.replace("15.9994", "12.011"))
    with pytest.raises(CalculationError, match=r"a\.data: type 2 has the mass 12.011, that of C"):
        write_structures(run, 0, run.params.jobs[0], tmp_path / "confs")


REFUSED = {
    "lammps/lmp": (WATER.replace("15.9994", "12.011"), "lammps/lmp", "mass 12.011, that of C"),
    "vasp/poscar": (poscar(species="O H N"), "vasp/poscar", "has N, which type_map lacks"),
    "abacus/stru": (stru(), "abacus/stru", "has C, which type_map lacks"),
    "another format": (data_file(OTHER, U), "vasp/poscar", 'the format "lammps/lmp"'),
    "one atom": (poscar(species="O", counts="1", at=np.zeros((1, 3))), "poscar", "one atom"),
}


@pytest.mark.parametrize(("text", "fmt", "words"), REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("changes", [{}, CLUSTERS], ids=["wtemlp", "DP-GEN"])
def test_check_and_run_refuse_what_md_cannot_start_from(tmp_path, text, fmt, words, changes):
    """The same line of both, before anything is written."""
    write(tmp_path, text, fmt, **changes)
    with pytest.raises(InputError) as caught:
        load(tmp_path, check_files=True)
    assert words in str(caught.value) and "conf/a.data: " in str(caught.value)
    told: list[str] = []
    findings = Findings(lambda finding: told.append(finding.line))
    check_params(tmp_path / "param.json", tmp_path, findings, files=True)
    assert str(caught.value) in "\n".join(told)
    assert findings.exit_code == 2


def test_every_bad_file_is_told(tmp_path):
    write(tmp_path, poscar(species="O H N"), "poscar", patterns=("conf/*",))
    (tmp_path / "conf/b").mkdir()
    told: list[str] = []
    load(tmp_path)
    check_params(
        tmp_path / "param.json", tmp_path, Findings(lambda one: told.append(one.line)), files=True
    )
    errors = [line for line in told if line.startswith("error")]
    assert len(errors) == 2
    assert "conf/a.data: has N" in errors[0] and "conf/b: is a folder; name the file" in errors[1]


def test_dropped_moments_are_told(tmp_path):
    text = stru(species="O H O", more=["1 1 1 mag 2.0"] * 4)
    write(tmp_path, text, "abacus/stru")
    (warning,) = [one for one in load(tmp_path, check_files=True).warnings if "conf/a.data" in one]
    assert "magnetic moments: they are dropped" in warning
    run = context(tmp_path)
    starts = write_structures(run, 0, run.params.jobs[0], tmp_path / "confs")
    body = (tmp_path / "confs" / starts[0][0].conf).read_text().split("Atoms # atomic")[1]
    assert {len(line.split()) for line in body.splitlines() if line.strip()} == {5}


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("vasp/poscr", "vasp/poscar"),
        ("lammps/lamp", "lammps/lmp"),
        ("stry", "stru"),
        ("POSCARR", "poscar"),
    ],
)
def test_an_unknown_format_is_refused_with_the_nearest(tmp_path, name, near):
    write(tmp_path, fmt=name)
    with pytest.raises(InputError) as caught:
        load(tmp_path)
    assert f'sys_format = "{name}"' in str(caught.value)
    assert f'did you mean "{near}"?' in str(caught.value)


def test_structures_that_are_denser_than_sel_are_told(tmp_path):
    write(tmp_path)
    param = json.loads((tmp_path / "param.json").read_text())
    model = param["default_training_param"]["model"]
    for sel, told in ([0, 0], True), ([400, 800], False):
        model["descriptor"] = {"type": "se_e2_a", "rcut": 5.0, "rcut_smth": 0.5, "sel": sel}
        (tmp_path / "param.json").write_text(json.dumps(param))
        found = examine_params(tmp_path / "param.json", tmp_path).look_at_files()
        lines = [note for note in found.notes if "starting structures have up to" in note]
        assert bool(lines) == told
        assert not told or lines[0].startswith("param.json: default_training_param.model.descri")
