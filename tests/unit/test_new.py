"""`wtemlp new`: files that load as they stand, with and without all keys."""

import json
import sys
from pathlib import Path

import ase.io
import pytest
from ase.build import bulk, molecule

from wtemlp import cli
from wtemlp.cli.new_command import ABOUT, INIT, PARAM, new_command
from wtemlp.config.init_params import load_init_params
from wtemlp.config.machine.sections import load_machines
from wtemlp.config.params import load_params
from wtemlp.core.errors import InputError
from wtemlp.core.formatting import pretty_json


def loaded(folder):
    """The records of what was written."""
    init = load_init_params(folder / INIT, folder)
    run = load_params(folder / PARAM, folder, check_files=False)
    load_machines(folder / "machine.json", folder)
    return init, run


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("name", ABOUT)
def test_the_files_of_an_example_load_and_fit_each_other(tmp_path, name, full):
    said = new_command(name, tmp_path / "it", full=full)
    init, run = loaded(tmp_path / "it")
    assert "wtemlp init init.json machine.json" in said
    assert init.type_map == run.type_map and init.seed == run.seed
    assert init.jdata["fp_params"] == run.jdata["fp_params"]
    made = {f"init/data/{system.name}" for system in init.systems}
    named = [path.relative_to(tmp_path / "it") for path in run.init_data_sys]
    held = [path.relative_to(tmp_path / "it") for path in run.validation_data_sys]
    used = {str(Path(*path.parts[:3])) for path in (*named, *held)}
    assert made <= used and all(one in made or "/atom." in one for one in used)
    assert {job.ensemble for job in run.jobs} <= {"nvt", "npt"}
    assert any(text.startswith("_") for text in json.loads((tmp_path / "it" / PARAM).read_text()))


def test_all_keys_are_there_with_their_meaning(tmp_path):
    new_command("molecule", tmp_path / "it", full=True)
    init = json.loads((tmp_path / "it" / INIT).read_text())
    system = init["systems"][0]
    assert init["ratio_failed"] == 0.05 and "may fail" in init["_ratio_failed"]
    assert system["copies"]["lengths"] == [0.93, 1.35]
    assert "_n_lengths" in system["copies"] and "n_lengths" not in system["copies"]
    assert "_charge" in system and "charge" not in system


def test_a_crystal_with_its_own_force_field(tmp_path):
    ase.io.write(tmp_path / "POSCAR", bulk("Cu", "fcc", 3.6), format="vasp")
    (tmp_path / "my.eam").write_text("pair_style eam\npair_coeff * * Cu_u3.eam\n")
    said = new_command(
        str(tmp_path / "POSCAR"), tmp_path / "it", force_field=tmp_path / "my.eam", units="metal"
    )
    init, run = loaded(tmp_path / "it")
    assert "write your force field" not in said
    assert init.systems[0].structure.supercell == (4, 4, 4)
    assert [path.parent.name for path in run.init_data_sys] == ["poscar", "atom.Cu"]
    assert (tmp_path / "it" / "POSCAR").read_bytes() == (tmp_path / "POSCAR").read_bytes()


def test_potential_files_beside_the_force_field_come_along(tmp_path):
    ase.io.write(tmp_path / "POSCAR", bulk("Si", "diamond", 5.43), format="vasp")
    (tmp_path / "pots").mkdir()
    (tmp_path / "pots/mine.sw").write_text("Si Si Si 2.17 2.1 1.8 21 1.2 -0.33 7.05 0.6 4 0 0\n")
    (tmp_path / "my.lammps").write_text("pair_style sw\npair_coeff * * pots/mine.sw Si\n")
    source, lines = str(tmp_path / "POSCAR"), tmp_path / "my.lammps"
    new_command(source, tmp_path / "it", force_field=lines, temperature_K=1000.0)
    init, run = loaded(tmp_path / "it")
    assert {entry.temperatures_K for entry in init.systems[0].runs} == {(1000,)}
    assert {job.temps_K for job in run.jobs} == {(1000,)}
    copied = (tmp_path / "it/pots/mine.sw").read_bytes()
    assert copied == (tmp_path / "pots/mine.sw").read_bytes()


def test_without_a_force_field_it_is_asked_for(tmp_path):
    ase.io.write(tmp_path / "a.cif", bulk("Si", "diamond", 5.43, cubic=True))
    said = new_command(str(tmp_path / "a.cif"), tmp_path / "it")
    assert "first: write your force field into force_field.lammps" in said
    with pytest.raises(InputError, match=r"force_field\.lammps: EDIT_THIS_FILE"):
        load_init_params(tmp_path / "it" / INIT, tmp_path / "it")


def test_a_molecule_with_a_calculator(tmp_path):
    ase.io.write(tmp_path / "ethanol.xyz", molecule("CH3CH2OH"))
    new_command(str(tmp_path / "ethanol.xyz"), tmp_path / "it", calculator="gfn2", full=True)
    init, run = loaded(tmp_path / "it")
    assert init.timestep_fs == 0.5 and run.reference.periodic is False and run.md.periodic
    assert [path.parent.name for path in run.init_data_sys] == ["ethanol"]
    assert {entry.ensemble for entry in init.systems[0].runs} == {"nvt"}


@pytest.mark.parametrize(
    ("source", "part"),
    [
        ("coper", "no such file or example; give a file, or one of the examples: copper"),
        ("notes.txt", "cannot be read"),
    ],
)
def test_what_is_no_structure_is_refused(tmp_path, monkeypatch, capsys, source, part):
    (tmp_path / "notes.txt").write_text("nothing\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["wtemlp", "new", source, "it"])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 2 and part in capsys.readouterr().err
    assert not (tmp_path / "it").exists()


def test_a_folder_with_files_is_left_alone(tmp_path):
    (tmp_path / "it").mkdir()
    (tmp_path / "it" / "thesis.tex").write_text("mine")
    with pytest.raises(InputError, match="is there already"):
        new_command("mw", tmp_path / "it")


def test_json_for_people_is_the_same_json():
    value = {"a": [1, 2, {"b": "x" * 60}], "c": {}, "d": {"e": [1.5, None, True]}}
    text = pretty_json(value)
    assert json.loads(text) == value
    assert '  "d": {"e": [1.5, null, true]}' in text
    assert all(len(line) <= 102 for line in text.splitlines())
