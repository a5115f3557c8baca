"""Files of a run that are missing or damaged: nothing is lost, and what is wrong is said."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.support import program
from tests.support.damage import content
from tests.support.loop_runs import make_run
from tests.support.loop_state import set_state
from wtemlp.records.state import Step


def wtemlp(folder: Path, *args: str) -> subprocess.CompletedProcess:
    return program.run(*args, cwd=folder, timeout=300)


WORK = (
    "iter.000000/00.train/graph.000.pb",
    "iter.000000/01.model_devi/task.000.000000/HILLS",
    "iter.000000/02.fp/task.000.000000/OUTCAR",
)


@pytest.mark.parametrize(
    ("record", "work", "words"),
    [
        (None, WORK, "iter.000000 is here, but wtemlp.json and record.dpgen"),
        (b"", WORK, "record.dpgen is damaged: it holds no step"),
        (b"\0" * 40, WORK, "record.dpgen is damaged: it holds no step"),
        (
            b"0 0\n0 1\n0 2\n\0\0",
            WORK,
            "iter.000000/02.fp is here, but record.dpgen says that "
            "only iteration 0, post train, is done",
        ),
        (b"0 5\n", WORK[:2] + ("iter.000001/00.train/000/input.json",), "iter.000001 is here"),
        (b"0 3\n", (WORK[0], WORK[2]), "iter.000000/02.fp is here"),
        (
            b"0 2\n",
            (WORK[0], "iter.000000/01.model_devi/task.000.000000/model_devi.out"),
            "iter.000000/01.model_devi is here",
        ),
        (b"0 5\n", (WORK[0], WORK[2]), "iter.000000/02.fp is here"),
    ],
    ids=[
        "missing",
        "empty",
        "zeros",
        "cut",
        "iteration beyond",
        "stage beyond",
        "walkers done",
        "labels done",
    ],
)
def test_a_run_without_its_record_is_not_begun_again(tmp_path, record, work, words):
    run = make_run(tmp_path / "run")
    for name in work:
        file = run.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("weeks of computing\n")
    if record is not None:
        (run.folder / "record.dpgen").write_bytes(record)
    before = content(run.folder)
    for command in ("run", "check"):
        done = wtemlp(run.folder, command, "param.json", "machine.json")
        said = done.stdout + done.stderr
        assert done.returncode == 2 and words in said and "nothing is changed" in said, said
    if b"0 " not in (record or b""):
        done = wtemlp(run.folder, "status")
        assert done.returncode == 2 and words in done.stderr
    assert content(run.folder) == before


DAMAGE = {
    "empty": lambda raw: b"",
    "zeros": lambda raw: b"\0" * len(raw),
    "cut": lambda raw: raw[: len(raw) // 2],
    "last half zeros": lambda raw: raw[: len(raw) // 2] + b"\0" * (len(raw) - len(raw) // 2),
}
#: Of a summary, what only the damaged file knew.
TIMES = {"seconds", "waited", "core_hours", "gpu_hours", "disk_MB"}
#: Records, and how the line about them begins to go on.
DAMAGED = (
    "iter.000000/summary.json",
    "iter.000000/01.model_devi/walkers.json",
    "iter.000000/01.model_devi/explored.npz",
    "iter.000000/02.fp/labels.json",
    "iter.000001/01.model_devi/walkers.json",
    "iter.000001/01.model_devi/explored.npz",
    "iter.000001/02.fp/dispatch.json",
    "iter.000001/02.fp/task.000.000001/frame.json",
    "iter.000001/02.fp/task.000.000002/frame.lammpstrj",
    "iter.000001/summary.json",
)


@pytest.mark.parametrize("kind", DAMAGE)
def test_what_a_power_failure_damaged_is_made_again(undisturbed, copied, kind):
    """Records of the current iteration and of an earlier one, in the middle of a labelling."""
    shutil.rmtree(copied.folder / "iter.000002")
    set_state(copied, iteration=1, step=int(Step.POST_LABEL), finished="")
    done = copied.folder / "iter.000001/02.fp/batch.000.000/labels.dump"
    before = done.stat().st_mtime_ns
    for name in DAMAGED:
        file = copied.folder / name
        file.write_bytes(DAMAGE[kind](file.read_bytes()))
    said = copied.finish()
    for name in DAMAGED:
        if "dispatch" not in name:  # its stage is done already
            assert f"{copied.folder / name} is damaged" in said, name
    assert copied.fingerprint() == undisturbed.fingerprint()
    assert done.stat().st_mtime_ns == before  # not calculated again
    for iteration in (0, 1):
        name = f"iter.{iteration:06d}/summary.json"
        now, then = (json.loads((run.folder / name).read_text()) for run in (copied, undisturbed))
        assert {key for key in then if now[key] != then[key]} <= TIMES


def test_a_damaged_summary_is_made_again_without_trajectories(undisturbed, copied):
    """As ``model_devi_clean_traj`` leaves a run: energies and deviations are still there."""
    shutil.rmtree(copied.folder / "iter.000002")
    set_state(copied, iteration=2, step=int(Step.MAKE_TRAIN), finished="")
    for frames in copied.folder.glob("iter.00000?/01.model_devi/task.*/traj"):
        shutil.rmtree(frames)
    files = [f"iter.{iteration:06d}/summary.json" for iteration in (0, 1)]
    for name in files:
        (copied.folder / name).write_bytes(b"")
    copied.finish()
    for name in files:
        now, then = (json.loads((run.folder / name).read_text()) for run in (copied, undisturbed))
        assert then["walkers"][0]["nvt"] is not None
        assert {key for key in then if now[key] != then[key]} <= TIMES


@pytest.mark.parametrize(
    ("array", "kind"),
    [
        ("energy", "zeros"),
        ("coord", "last half zeros"),
        ("box", "empty"),
        ("force", "cut"),
        ("energy", "a zero"),
    ],
)
def test_labelled_frames_that_are_damaged_are_read_again(undisturbed, copied, array, kind):
    shutil.rmtree(copied.folder / "iter.000002")
    set_state(copied, iteration=2, step=int(Step.MAKE_TRAIN), finished="")
    (file,) = copied.folder.glob(f"iter.000000/02.fp/data.000/*/set.000/{array}.npy")
    damaged = DAMAGE.get(kind, lambda raw: raw[:-8] + b"\0" * 8)
    file.write_bytes(damaged(file.read_bytes()))
    done = wtemlp(copied.folder, "report")
    assert done.returncode == 0, done.stderr
    what = "labelled frames are damaged (zeros)" if kind == "a zero" else f"{array}.npy is damaged"
    assert f"{what}: reading them anew" in copied.finish()
    assert copied.fingerprint() == undisturbed.fingerprint()


def test_labelled_frames_that_cannot_be_read_again_stay(copied):
    """What is left of them is not replaced by less."""
    set_state(copied, iteration=2, step=int(Step.RUN_TRAIN), finished="")
    fp = copied.folder / "iter.000000/02.fp"
    (file,) = fp.glob("data.000/*/set.000/energy.npy")
    file.write_bytes(b"\0" * 400)
    for batch in fp.glob("batch.*"):
        shutil.rmtree(batch)
    before = content(fp / "data.000"), (fp / "labels.json").read_bytes()
    done = wtemlp(copied.folder, "run", "param.json", "machine.json")
    assert done.returncode == 1 and "energy.npy is damaged" in done.stderr
    assert "put its data.* folders" in done.stderr
    assert (content(fp / "data.000"), (fp / "labels.json").read_bytes()) == before


@pytest.mark.parametrize(
    ("name", "step", "remedy"),
    [
        ("iter.000001/00.train/002/input.json", Step.RUN_TRAIN, "trains again"),
        ("iter.000001/01.model_devi/task.000.000001/job.json", Step.RUN_EXPLORE, "explores again"),
    ],
)
def test_what_cannot_be_made_again_is_named_with_the_remedy(copied, name, step, remedy):
    set_state(copied, iteration=1, step=int(step), finished="")
    shutil.rmtree(copied.folder / "iter.000002")
    for file in copied.folder.glob(name):
        file.write_bytes(b"\0" * 100)
    done = wtemlp(copied.folder, "run", "param.json", "machine.json")
    assert done.returncode == 1, done.stderr
    assert (
        f"{copied.folder / name}" in done.stderr
        and " is damaged (it holds zero bytes)" in done.stderr
    )
    assert remedy in done.stderr and "Traceback" not in done.stderr


def test_a_damaged_state_says_that_the_record_tells_the_same(undisturbed, copied):
    shutil.rmtree(copied.folder / "iter.000002")
    set_state(copied, iteration=2, step=int(Step.MAKE_TRAIN), finished="")
    state = copied.folder / "wtemlp.json"
    state.write_bytes(b"\0" * 688)
    done = wtemlp(copied.folder, "run", "param.json", "machine.json")
    assert done.returncode == 2 and "is damaged (it holds zero bytes); move it away" in done.stderr
    assert "record.dpgen, which says that iteration 1, post label, is done" in done.stderr
    state.rename(copied.folder / "wtemlp.json.damaged")
    assert "taken over from dpgen run" in copied.finish()
    assert copied.fingerprint() == undisturbed.fingerprint()


@pytest.mark.parametrize("size_kib", [2, 8, 24])
def test_a_file_system_that_takes_no_more_is_one_line(tmp_path, undisturbed, size_kib):
    """By the largest size of a file, which a user may set; the same command goes on later."""
    run = make_run(tmp_path / "run", model_devi_jobs=[])
    (run.folder / "wtemlp.log").symlink_to("/dev/full")
    done = subprocess.run(
        [
            "bash",
            "-c",
            f'ulimit -f {size_kib}; exec "$@"',
            "bash",
            *program.COMMAND,
            "run",
            "param.json",
            "machine.json",
        ],
        cwd=run.folder,
        env=program.environment(),
        capture_output=True,
        text=True,
        timeout=300,
    )
    lines = done.stderr.strip().splitlines()
    assert done.returncode == 1 and str(run.folder) in lines[0], done.stderr
    assert "Traceback" not in done.stderr and "Logging error" not in done.stderr
    if "failed (exit status" in lines[0]:  # the engine met the limit first: its task is named
        assert "go on with: wtemlp run param.json machine.json" in done.stdout
    else:
        assert len(lines) == 1 and "go on with: wtemlp run param.json machine" in lines[0]
        assert "the largest size of a file is reached" in lines[0]
    run.finish()
    assert len(list(run.folder.glob("iter.000000/00.train/graph.*.pb"))) == 4
    assert np.all([file.stat().st_size for file in run.folder.glob("iter.000000/00.train/graph.*")])
