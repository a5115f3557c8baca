"""Scripts and data files of the reference force field."""

from dataclasses import replace

import numpy as np
import pytest

from tests.support.md_reference_script import NVT, WTE, water_input
from tests.support.waters import water_box
from wtemlp.config.keys.labels import ForceField
from wtemlp.md import reference_runs
from wtemlp.md.reference_runs import BOX_DATA, END_DATA
from wtemlp.md.reference_script import force_field_commands, lammps_command, water_data
from wtemlp.md.systems.units import REAL
from wtemlp.md.topology import water_topology


def words(script):
    return [line.split() for line in script.splitlines() if line.split()]


def test_data_file_keeps_the_order_of_the_atoms():
    types, coords, molecules = water_box(2, 8.0)
    topology = water_topology(types, coords, np.eye(3) * 8, ("O", "H"))
    lines = water_data(ForceField(), coords, np.eye(3) * 8, topology).splitlines()
    start = lines.index("Atoms # full") + 2
    atoms = [line.split() for line in lines[start : start + 24]]
    assert [int(row[0]) for row in atoms] == list(range(1, 25))
    assert [int(row[2]) for row in atoms] == (types + 1).tolist()
    assert np.array([row[4:] for row in atoms], dtype=float) == pytest.approx(coords, abs=0)
    assert sum(float(row[3]) for row in atoms) == pytest.approx(0.0, abs=1e-12)
    for o, h1, h2 in molecules:
        assert atoms[o][1] == atoms[h1][1] == atoms[h2][1]
    assert "xy xz yz" not in "\n".join(lines)


def test_a_tilted_cell_is_written_with_its_tilts():
    types, coords, _ = water_box(2, 8.0)
    cell = np.array([[8.0, 0, 0], [1.0, 8.0, 0], [-0.5, 0.25, 8.0]])
    topology = water_topology(types, coords, cell, ("O", "H"))
    assert "1 -0.5 0.25 xy xz yz\n" in water_data(ForceField(), coords, cell, topology)


def test_force_field_is_flexible_tip3p_without_tail_corrections():
    commands = words(force_field_commands(ForceField(cutoff_A=8.5), "x.data"))
    assert ["pair_style", "lj/cut/coul/long", "8.5"] in commands
    assert ["pair_coeff", "1", "1", "0.1521", "3.1507"] in commands
    assert ["bond_coeff", "1", "450.0", "0.9572"] in commands
    assert ["angle_coeff", "1", "55.0", "104.52"] in commands
    assert ["special_bonds", "lj/coul", "0", "0", "0"] in commands
    assert ["pair_modify", "tail", "no"] in commands
    assert ["kspace_style", "pppm", "1e-05"] in commands


@pytest.mark.parametrize(
    ("program", "command"),
    [
        ("wtemlp lmp", "wtemlp lmp -in in.lammps"),
        ("mpirun -n 4 lmp -sf opt", "mpirun -n 4 lmp -sf opt -in in.lammps"),
        ("lmp -i in.lammps", "lmp -i in.lammps"),
        ("lmp -in in.lammps", "lmp -in in.lammps"),
    ],
)
def test_the_program_gets_the_script(program, command):
    assert lammps_command(program) == command


def test_box_and_nvt_runs_all_steps_with_csvr_and_nose_hoover():
    script = reference_runs.script(NVT, water_input(BOX_DATA), 11, 22)
    commands = words(script)
    lengths = [int(line[1]) for line in commands if line[0] == "run"]
    assert lengths == [50, 51, 100, 302]
    assert ["fix", "integrate", "all", "nph", "iso", "1", "1", "500.0"] in commands
    assert ["fix", "thermostat", "all", "temp/csvr", "300", "300", "100.0", "22"] in commands
    assert "velocity        all create 300 11 " in script
    # 302 // 7: at least seven frames, none of them in the equilibration.
    dump = next(line for line in commands if line[0] == "dump")
    assert dump[:5] == ["dump", "frames", "all", "custom", "43"]


def test_wte_biases_the_bare_energy_and_keeps_no_forces():
    script = reference_runs.script(WTE, water_input(END_DATA), 11, 33)
    commands = words(script)
    place = commands.index(["fix_modify", "wte", "energy", "no"])
    assert commands[place - 2][:4] == ["fix", "wte", "all", "plumed"]
    assert place < next(k for k, line in enumerate(commands) if line[:2] == ["fix", "integrate"])
    assert " fx " not in script


def test_frames_of_wte_leave_out_the_filling():
    """The window of its numbers: of 501 steps the last 251, in which seven frames are."""
    commands = words(reference_runs.script(replace(WTE, steps=501), water_input(END_DATA), 11, 33))
    kinds = [line[0] for line in commands if line[0] in ("run", "dump")]
    assert kinds == ["run", "dump", "run"]
    assert [int(line[1]) for line in commands if line[0] == "run"] == [250, 251]
    dump = next(line for line in commands if line[0] == "dump")
    assert int(dump[4]) == 251 // WTE.frames
    assert commands.index(dump) > commands.index(["run", "250"])


def test_wte_plumed_is_in_the_units_of_the_run():
    bias = reference_runs.EnergyBias(300.0, mean_eV=-13.0, sigma_eV=0.4, biasfactor=16.0)
    text = reference_runs.plumed(bias, REAL)
    assert "ENERGY=kcal/mol" in text
    values = dict(word.split("=") for word in text.split() if "=" in word)
    assert float(values["SIGMA"]) == pytest.approx(0.4 * 23.0605, rel=1e-5)
    assert float(values["HEIGHT"]) == pytest.approx(0.5 * 0.0019872 * 300, rel=1e-4)
    middle = (float(values["GRID_MIN"]) + float(values["GRID_MAX"])) / 2
    assert middle == pytest.approx(-13.0 * 23.0605, rel=1e-5)


def test_more_frames_than_steps_between_energies():
    run = replace(WTE, frames=400, steps=1000)
    script = reference_runs.script(run, water_input(END_DATA), 11, 33)
    assert "fix             energies all ave/time 1 1 1" in script
