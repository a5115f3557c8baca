"""The walker's script and the commands around it."""

import subprocess

import numpy as np
import pytest

from tests.support.walkers import WALKER
from wtemlp.analysis.reweighting import hills_bias
from wtemlp.config.keys.wte import Extra, ExtraVariable
from wtemlp.md import colvar, wte_command, wte_guard, wte_script
from wtemlp.md.walker import Walker


def test_energy_of_the_fix_is_off_right_after_it():
    lines = wte_script.script(WALKER).splitlines()
    place = next(i for i, line in enumerate(lines) if " all plumed " in line)
    after = [line for line in lines[place + 1 :] if line and not line.startswith("#")]
    assert after[0].split() == ["fix_modify", "wte", "energy", "no"]


def test_a_barostat_comes_after_the_bias():
    """LAMMPS's rule: what integrates with the virial comes after what adds to it."""
    walker = Walker(**vars(WALKER) | {"pressure_bar": 1.0, "barostat": "aniso"})
    lines = wte_script.script(walker).splitlines()
    assert not any(line.endswith("all nve") for line in lines)
    places = [i for i, line in enumerate(lines) if "integrate" in line.split()[1:2]]
    words = [lines[i].split()[0] for i in places]
    bias = next(i for i, line in enumerate(lines) if " all plumed " in line)
    assert words == ["fix", "unfix", "fix"] and places[1] < bias < places[2]
    assert "all nph aniso 1 1 0.5" in lines[places[2]]


def test_no_forces_in_the_trajectory():
    dumps = [line for line in wte_script.script(WALKER).splitlines() if line.startswith("dump ")]
    assert len(dumps) == 2  # one of a job that begins, one of a job that goes on
    assert all(line.endswith("id type x y z") for line in dumps)


@pytest.mark.parametrize("merged", [True, False])
def test_frames_are_added_to_those_before_the_checkpoint(merged):
    """In one file, by a job that goes on and by no other; files of their own are written anew."""
    walker = Walker(**vars(WALKER) | {"merged": merged})
    begun, resumed = wte_script.script(walker).split("label           resume\n")
    assert "frames.awk" not in begun and "append yes" not in begun
    places = [resumed.find(word) for word in ("dump   ", "frames.awk", "append yes", "run   ")]
    assert places == sorted(places) if merged else places[1:3] == [-1, -1]
    assert ("frames.awk" in wte_script.files(walker)) == merged


def test_what_a_walker_starts_from_does_not_depend_on_the_number_of_ranks():
    """`create_atoms` numbers atoms by rank; `velocity create` then deals other velocities."""
    text = wte_script.script(WALKER)
    assert "read_data       conf.lmp" in text and "create_atoms" not in text
    assert text.index("read_data") < text.index("velocity        all create 300 1 ")


def test_the_thermostat_goes_on_after_a_restart():
    """Under another ID ``fix temp/csvr`` would begin with its seed again."""
    fixes = [line for line in wte_script.script(WALKER).splitlines() if "temp/csvr" in line]
    assert len(fixes) == 2 and len(set(fixes)) == 1


def test_temperature_and_units_are_said():
    text = wte_script.script(WALKER)
    assert "TEMP=300" in text and "ENERGY=eV" in text and "units           metal" in text


@pytest.mark.parametrize(("trj_freq", "stride"), [(20, 10), (7, 7), (13, 1), (15, 5), (1, 1)])
def test_frames_have_an_energy(trj_freq, stride):
    walker = Walker(**vars(WALKER) | {"trj_freq": trj_freq})
    assert walker.colvar_stride == stride


def awk(tmp_path, rows, walker=WALKER):
    (tmp_path / "guard.awk").write_text(wte_guard.awk_program(walker))
    return subprocess.run(
        ["awk", "-f", "guard.awk"],
        cwd=tmp_path,
        input="\n".join(rows) + "\n",
        text=True,
        capture_output=True,
        check=True,
    ).stdout


@pytest.mark.parametrize(
    ("deviations", "stops"),
    [
        (["0.1", "0.2", "0.3"], False),
        (["1.6", "1.7", "1.8"], True),
        (["1.6", "1.4", "1.8"], False),
        (["1.6", "nan", "inf"], True),
        (["1.600e+03", "-nan", "1.6"], True),
        (["1.6", "1.6"], False),
    ],
)
def test_guard_looks_at_successive_deviations(tmp_path, deviations, stops):
    rows = ["# step a b c max_devi_f d e"]
    rows += [f"{20 * i} 9 9 9 {d} 9 9" for i, d in enumerate(deviations)]
    told = awk(tmp_path, rows)
    assert ("variable devi_stop equal 1" in told) == stops
    assert stops or told == ""


@pytest.mark.parametrize(
    ("error", "stopped"),
    [
        ("ERROR: Lost atoms: original 96 current 95 (src/thermo.cpp:494)", True),
        ("ERROR: Non-numeric pressure - simulation unstable (src/fix_nh.cpp:1)", True),
        ("ERROR on proc 0: Out of range atoms - cannot compute PPPM", True),
        ("ERROR: Pressure is nan (src/fix_nh.cpp:1)", True),
        ("ERROR: Neighbor list overflow, boost neigh_modify one (src/npair.cpp:1)", True),
        ("ERROR on proc 0: Too many neighbor bins (src/nbin_standard.cpp:213)", True),
        ("ERROR: Fix ave/time index is out of range (src/fix_ave_time.cpp:1)", False),
        ("ERROR: The dominant term is missing", False),
        ("ERROR: Cannot open file /home/hernandez/nano/nan/plumed.dat", False),
        ("ERROR: Unrecognized pair style 'deepmd' is part of the DEEPMD package", False),
    ],
)
def test_what_a_lammps_error_means(tmp_path, error, stopped):
    (tmp_path / "lmp").write_text(f"#!/bin/sh\necho '{error}' > log.lammps\nexit 1\n")
    (tmp_path / "lmp").chmod(0o755)
    done = subprocess.run(["bash", "-c", wte_command.command("./lmp")], cwd=tmp_path)
    note = tmp_path / "walker.stopped"
    assert (done.returncode == 0) == stopped == note.exists()
    assert not stopped or note.read_text().strip() == error
    # What the job must leave is there even if it ended before its first step.
    assert {(tmp_path / name).exists() for name in ("model_devi.out", "COLVAR.nvt")} == {stopped}


def test_every_run_is_guarded():
    """Unbiased or not: no part of a walker goes on without a look at the deviation."""
    runs = [line for line in wte_script.script(WALKER).splitlines() if line.startswith("run ")]
    assert len(runs) == 3
    assert all("pre no every 60 " in line and '"include guard.lmp"' in line for line in runs)


@pytest.mark.parametrize(
    ("checkpoint", "step", "due"),
    [
        (100, 2120, True),
        (100, 2060, False),
        (100, 2240, True),
        (100, 2000, False),
        (100, 1940, False),
        (0, 2120, False),
        (4000, 4000, False),
        (60, 2060, True),
    ],
)
def test_checkpoints_are_written_between_segments(tmp_path, checkpoint, step, due):
    """At multiples of the guard's segment (60 steps) in the biased part, but at its end."""
    walker = Walker(**vars(WALKER) | {"checkpoint": checkpoint})
    told = awk(tmp_path, [f"{s} 9 9 9 0.1 9 9" for s in (step - 40, step - 20, step)], walker)
    expected = (
        "write_restart walker.restart.new noinit\n"
        "shell mv walker.restart.new walker.restart\n"
        f"shell echo {step} > .wtemlp.progress\n"
    )
    assert told == (expected if due else "")


def test_a_walker_that_is_to_be_stopped_leaves_no_checkpoint(tmp_path):
    walker = Walker(**vars(WALKER) | {"checkpoint": 60})
    told = awk(tmp_path, [f"{s} 9 9 9 99 9 9" for s in (2020, 2040, 2060)], walker)
    assert "devi_stop" in told and "write_restart" not in told


@pytest.mark.parametrize(("energy", "shift"), [(True, "$(v_mean-(-12.5):%.15g)"), (False, "0")])
def test_hills_on_the_energy_only_are_moved_by_an_energy(energy, shift):
    extra = Extra("d: DISTANCE ATOMS=1,2\n", (ExtraVariable("d", 0.1, 0.0, 5.0),), energy)
    walker = Walker(**vars(WALKER) | {"extra": extra, "previous_mean_eV": -12.5})
    assert f"shell awk -v shift={shift} -v factor=${{biasfactor}} -f" in wte_script.script(walker)


@pytest.mark.parametrize("factor", [4.0, 2.0, 60.0])
def test_hills_of_another_bias_factor_are_the_same_bias(tmp_path, factor):
    """PLUMED weighs heights with the walker's factor, `hills_bias` with that of the column."""
    (tmp_path / "HILLS").write_text(
        "#! FIELDS time ene sigma_ene height biasf\n#! SET multivariate false\n"
        "1 -3 0.5 1.2 4\n2 -2.5 0.5 0.9 4\n"
    )
    program = wte_script.files(WALKER)[wte_script.SHIFT_AWK]
    (tmp_path / "shift.awk").write_text(program)
    words = ["awk", "-v", "shift=1.5", "-v", f"factor={factor}", "-f", "shift.awk", "HILLS"]
    made = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    (tmp_path / "moved").write_text(made)
    before, moved = colvar.read(tmp_path / "HILLS"), colvar.read(tmp_path / "moved")
    assert (moved["biasf"] == factor).all() and (moved["time"] == 0).all()
    at = np.linspace(-4, -1, 7)
    np.testing.assert_allclose(hills_bias(at + 1.5, moved), hills_bias(at, before), rtol=1e-12)


def test_a_job_that_begins_anew_takes_away_its_own_files_only(tmp_path):
    """What an earlier attempt has left, and nothing of the user's."""
    own = ("HILLS", "COLVAR.wte", "plumed.wte.dat", "model_devi.out.before", "walker.stopped")
    (tmp_path / "all.lammpstrj").write_text("ITEM: TIMESTEP\n")
    users = ("plumed.pdb", "HILLS.reference", "my.before")
    for name in (*own, *users):
        (tmp_path / name).touch()
    subprocess.run(["bash", "-c", wte_command.command("true")], cwd=tmp_path, check=True)
    assert {file.name for file in tmp_path.iterdir()} == {*users, "all.lammpstrj"}
    assert not (tmp_path / "all.lammpstrj").read_text()


def test_a_job_that_goes_on_has_not_been_stopped(tmp_path):
    """Killed at its very end, a walker that was being stopped goes on from its checkpoint."""
    for name in ("walker.restart", "walker.stopped", "model_devi.out", "log.lammps", "COLVAR.nvt"):
        (tmp_path / name).touch()
    subprocess.run(["bash", "-c", wte_command.command("true")], cwd=tmp_path, check=True)
    assert not (tmp_path / "walker.stopped").exists()


def test_a_checkpoint_without_its_record_is_not_gone_on_from(tmp_path):
    """What a failed job has left was moved home, its hills, too; the checkpoint stayed."""
    (tmp_path / "walker.restart").touch()
    look = "test ! -e walker.restart && true"
    subprocess.run(["bash", "-c", wte_command.command(look)], cwd=tmp_path, check=True)
    assert not (tmp_path / "model_devi.out").exists()


@pytest.mark.parametrize(
    ("lmp", "kept"),
    [
        ("echo 5000 > .wtemlp.progress; exit 137", True),  # killed
        ("exit 143", True),  # told to end, before it came to the next checkpoint
        ("exit 1", False),  # no further than the checkpoint that it went on from
        ("echo 5000 > .wtemlp.progress; exit 1", True),  # something else than LAMMPS
        ("echo 5000 > .wtemlp.progress; echo 'ERROR: Bad' > log.lammps; exit 1", False),
        ("echo 5000 > .wtemlp.progress; exit 139", False),  # a crash
    ],
)
def test_a_checkpoint_that_may_be_at_fault_is_given_up(tmp_path, lmp, kept):
    """The next attempt begins anew; the exit status is LAMMPS's."""
    for name in ("walker.restart", "model_devi.out", "log.lammps", "COLVAR.nvt"):
        (tmp_path / name).touch()
    (tmp_path / ".wtemlp.progress").write_text("4000\n")
    (tmp_path / "lmp").write_text(f"#!/bin/sh\n{lmp}\n")
    (tmp_path / "lmp").chmod(0o755)
    done = subprocess.run(["bash", "-c", wte_command.command("./lmp")], cwd=tmp_path)
    assert done.returncode == int(lmp.rpartition(" ")[2])
    assert (tmp_path / "walker.restart").exists() == kept
    assert (tmp_path / ".wtemlp.progress").exists() == kept


@pytest.mark.parametrize("text", ["a\nb\n", "a\nb\nhalf", "half", ""])
def test_the_cut_last_line_of_shared_hills_is_taken_away_in_place(tmp_path, text):
    """Others have the file open."""
    (tmp_path / "shared.hills").write_text("../hills.0\n")
    (tmp_path / "task").mkdir()
    (tmp_path / "shared.hills").rename(tmp_path / "task/shared.hills")
    hills = tmp_path / "hills.0"
    hills.write_text(text)
    inode = hills.stat().st_ino
    command = wte_command.command("true")
    subprocess.run(["bash", "-c", command], cwd=tmp_path / "task", check=True)
    assert hills.read_text() == text[: text.rfind("\n") + 1]
    assert hills.stat().st_ino == inode
