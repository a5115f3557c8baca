"""Failures in plain words."""

import pytest

from wtemlp.dispatch.failures import CAUSES, LINES, describe, likely_cause, meaningful
from wtemlp.dispatch.tasks import Task

NOISE = """\
implib-gen: libcudart.so.12: failed to load library 'libcudart.so.12'

2025-01-01 00:00:00.1: I tensorflow/core/util/port.cc:153] oneDNN custom operations are on.
I0000 00:00:1795426128.384394    1151 cpu_feature_guard.cc:227] This TensorFlow binary is ...
To enable the following instructions: AVX2, rebuild TensorFlow with the appropriate compiler flags.
WARNING: All log messages before absl::InitializeLog() is called are written to STDERR
DeePMD-kit: Cannot find libcudart.so.12
DeePMD-kit: Error message: libcudart.so.12: cannot open shared object file: No such file
Switch to serial execution due to lack of horovod module.
"""


def test_noise_is_left_out():
    assert meaningful(NOISE) == []
    assert meaningful("KeyError: 'x'\n" + NOISE) == ["KeyError: 'x'"]


def test_the_error_is_quoted_not_what_came_after_or_long_before():
    log = "step 1\nERROR: Lost atoms\nLast command: run 100\n" + "Total wall time\n" * 20
    assert meaningful(log)[:2] == ["ERROR: Lost atoms", "Last command: run 100"]
    assert meaningful("\n".join(f"line {i}" for i in range(100))) == [
        f"line {i}" for i in range(100 - LINES, 100)
    ]


@pytest.mark.parametrize(
    ("said", "word"),
    [
        ("slurmstepd: error: *** JOB 7 ON n1 CANCELLED AT 12 DUE TO TIME LIMIT ***", "time limit"),
        ("=>> PBS: job killed: walltime 3610 exceeded limit 3600", "time limit"),
        ("slurmstepd: error: Detected 1 oom-kill event(s) in step 7.batch", "memory"),
        ("terminate called after throwing an instance of 'std::bad_alloc'", "memory"),
        ("failed to allocate: CUDA_ERROR_OUT_OF_MEMORY: out of memory", "memory"),
        ("ERROR: Unrecognized fix style 'plumed' is part of the PLUMED package", "fix plumed"),
        ("ERROR: Unrecognized pair style 'deepmd' (src/force.cpp:275)", "pair_style deepmd"),
        ("ERROR: Lost atoms: original 96 current 95", "blew up"),
        ("ERROR: Non-numeric pressure - simulation unstable", "blew up"),
        ("ERROR on proc 0: Out of range atoms - cannot compute PPPM", "blew up"),
        ("bash: line 1: lmp_mpi: command not found", "command was not found"),
        ("ModuleNotFoundError: No module named 'deepmd'", "Python package"),
        ("libcuda.so.1: cannot open shared object file: No such file", "GPU"),
        ("dp: error while loading shared libraries: libmpi.so.12: cannot open", "shared library"),
        ("ERROR: Unable to locate a modulefile for 'cp2k/9'", "module"),
        ("*** WARNING in qs_scf.F:598 :: SCF run NOT converged ***", "self-consistent"),
        ("OSError: [Errno 28] No space left on device", "disk"),
        ("wtemlp: the result model_devi.out was not made", "no result"),
    ],
)
def test_likely_causes(said, word):
    cause, remedy = likely_cause(said, 1)
    assert word in cause
    assert remedy


def test_the_exit_status_speaks_when_the_log_does_not():
    assert "memory" in likely_cause("", 137)[0]
    assert "not found" in likely_cause("", 127)[0]
    assert "vanished" in likely_cause("", None)[0]
    assert likely_cause("something else", 1) == ("", "")
    assert len({cause.cause for cause in CAUSES}) == len(CAUSES)


def test_a_failure_in_words(tmp_path):
    (tmp_path / "task.err").write_text(NOISE)
    (tmp_path / "log.lammps").write_text("LAMMPS\nERROR: Lost atoms: original 9 current 8\n")
    (tmp_path / "task.out").write_text("Step 1\nStep 2\n")
    task = Task("task.000.000007", tmp_path, "", (), (), ("log.lammps", "absent.log"))
    first, *quoted = describe(task, 4, 1).splitlines()
    assert first.startswith("task.000.000007 failed (exit status 1, 4 attempts): the simulation")
    assert quoted == ["  log.lammps: ERROR: Lost atoms: original 9 current 8"]
    (tmp_path / "log.lammps").unlink()
    words = describe(task, 1, None, "slurmstepd: error: CANCELLED DUE TO TIME LIMIT")
    first, *quoted = words.splitlines()
    assert "killed, 1 attempt): the queue's time limit" in first
    assert quoted == ["  job: slurmstepd: error: CANCELLED DUE TO TIME LIMIT"]


def test_what_was_said_before_a_traceback_is_not_buried_by_it():
    frames = "".join(f'  File "x.py", line {i}, in f\n    f()\n' for i in range(9))
    log = "FATAL ERROR: gmx has crashed\nTraceback (most recent call last):\n" + frames
    log += "FileNotFoundError: no such file\n"
    assert meaningful(log) == ["FATAL ERROR: gmx has crashed", "FileNotFoundError: no such file"]
