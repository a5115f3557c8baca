"""A command of a machine file, as a shell sees it."""

import subprocess

import pytest

from wtemlp.config.machine.shell_command import parts_of, ranks_of, take_apart


@pytest.mark.parametrize(
    ("command", "lines", "rest"),
    [
        ("ulimit -s unlimited; dp", ["ulimit -s unlimited"], "dp"),
        ("ulimit -s unlimited && dp", ["ulimit -s unlimited || exit 1"], "dp"),
        (
            "source ~/env.sh && module load gcc; A=1 dp",
            ["source ~/env.sh || exit 1", "module load gcc"],
            "A=1 dp",
        ),
        ("A=1; export B='x; y'; dp", ["A=1", "export B='x; y'"], "dp"),
        (
            ". env.sh\nconda activate 'my env' && mpirun -n 4 vasp_std; rm -f WAVECAR",
            [". env.sh", "conda activate 'my env' || exit 1"],
            "mpirun -n 4 vasp_std; rm -f WAVECAR",
        ),
        ("dp", [], "dp"),
        ("  ", [], "  "),
        ("A=1 dp", [], "A=1 dp"),
        ("cp2k -i input > out 2>&1", [], "cp2k -i input > out 2>&1"),
        ("vasp &> log", [], "vasp &> log"),
        ("$(which dp; true)", [], "$(which dp; true)"),
        ("conda run -n x dp; ls", [], "conda run -n x dp; ls"),
        ("ulimit -s unlimited", [], "ulimit -s unlimited"),
    ],
)
def test_what_prepares_the_shell_is_taken_from_a_command(command, lines, rest):
    assert take_apart(command) == (lines, rest)


@pytest.mark.parametrize(
    ("command", "count"),
    [
        ("dp", 1),
        ("dp 2>&1", 1),
        ("dp &> log", 1),
        ("python -c 'a; b | c'", 1),
        ('echo "a && b"', 1),
        ("echo a\\;b", 1),
        ("(a; b)", 1),
        ("{ a; b; }", 1),
        ("`a; b`", 1),
        ("dp;", 1),
        ("a; b", 2),
        ("a && b || c", 3),
        ("a | b", 2),
        ("a & b", 2),
        ("a\nb", 2),
        ("cd x;dp", 2),
    ],
)
def test_the_programs_of_a_command_are_counted(command, count):
    assert len(parts_of(command)) == count


def test_a_shell_runs_the_lines_and_then_the_rest():
    lines, rest = take_apart("A=1; export B=2 && umask 027; echo $A $B $(umask)")
    script = "\n".join([*lines, rest])
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "1 2 0027\n"


@pytest.mark.parametrize(
    ("command", "ranks"),
    [
        ("wtemlp lmp", 1),
        ("mpirun -n 2 wtemlp lmp", 2),
        ("mpirun -np 4 wtemlp lmp", 4),
        ("mpiexec -n 1 wtemlp lmp", 1),
        ("/opt/bin/mpirun -n2 wtemlp lmp", 2),
        ("srun --ntasks=8 wtemlp lmp", 8),
        ("srun --ntasks 3 wtemlp lmp", 3),
        ("A=1 srun -n 2 wtemlp lmp", 2),
        ("srun wtemlp lmp", 6),
        ("mpirun wtemlp lmp", 6),
        ("mpirun -n $N wtemlp lmp", 1),
        ("nice -n 5 wtemlp lmp", 1),
        ("env A=1 wtemlp lmp", 1),
    ],
)
def test_mpi_processes_are_counted(command, ranks):
    assert ranks_of(command, by_default=6) == ranks
