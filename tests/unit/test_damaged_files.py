"""Files of a run: written so that a power failure leaves the old or the new, and named if not."""

import errno
import json
import logging
import os
from pathlib import Path

import numpy as np
import pytest

from wtemlp.analysis.frames import FrameTable, load_frames, save_frames
from wtemlp.core import atomic_io
from wtemlp.core.errors import CalculationError, FileSystemError, InputError
from wtemlp.core.paths import RunPaths
from wtemlp.dispatch.journal import Journal
from wtemlp.dispatch.retry import Patience
from wtemlp.md import walker_record
from wtemlp.records import state, sweep_record, validation_record
from wtemlp.records.state import RunState
from wtemlp.records.sweep_record import load_sweep
from wtemlp.session import session
from wtemlp.stages import train, training_steps
from wtemlp.stages.exploration import explore
from wtemlp.sweep.folder import GIVEN, check_folder, load_given

DAMAGE = {
    "empty": b"",
    "zeros": b"\0" * 688,
    "cut": b'{"format": 1, "ta',
    "list": b"[1]",
    "word": b'"x"',
    "null": b"null",
    "nested": b"[" * 100_000,
    "binary": b"\xff\xfe{",
}


@pytest.mark.parametrize("name", ["text", "json", "table", "journal"])
def test_the_content_is_on_the_disk_before_the_name(tmp_path, monkeypatch, name):
    """The file is synced before it is renamed, and its folder after that."""
    seen = []
    fsync, replace = os.fsync, Path.replace

    def watched(descriptor):
        seen.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        fsync(descriptor)

    def renamed(self, target):
        seen.append(f"{self.name} -> {target.name}")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", watched)
    monkeypatch.setattr(Path, "replace", renamed)
    column = np.zeros(2)
    write = {
        "text": lambda file: atomic_io.write_text(file, "x"),
        "json": lambda file: atomic_io.write_json(file, {}),
        "table": lambda file: save_frames(file, FrameTable(*[column] * 11)),
        "journal": lambda file: Journal(file).save(),
    }
    write[name](tmp_path / "record")
    assert seen == ["record.tmp", "record.tmp -> record", tmp_path.name]


def test_a_file_that_cannot_be_written_is_named_and_the_old_stays(tmp_path):
    file = tmp_path / "record"
    atomic_io.write_text(file, "old")
    with pytest.raises(OSError, match="No space") as raised, atomic_io.replacing(file) as stream:
        stream.write(b"new")
        raise OSError(errno.ENOSPC, "No space left on device")
    assert raised.value.filename == str(file) and file.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["record"]


def readers(folder: Path):
    """Every reader of a record: what it is of, and how it is read."""
    paths = RunPaths(folder)
    task = folder / "task"
    task.mkdir()
    (paths.explore(0)).mkdir(parents=True)
    return {
        "state": (paths.state, lambda: state.load(paths)),
        "table": (folder / "explored.npz", lambda: load_frames(folder / "explored.npz")),
        "walker": (task / "job.json", lambda: walker_record.read_record(task)),
        "walkers": (paths.explore(0) / "walkers.json", lambda: explore.task_folders(paths, 0)),
        "training": (task / "input.json", lambda: training_steps.all_steps(task)),
        "given": (folder / GIVEN, lambda: load_given(folder)),
        "sweep": (folder / sweep_record.FILE, lambda: load_sweep(folder)),
        "record": (folder / "x.json", lambda: atomic_io.read_record(folder / "x.json", "remedy")),
    }


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize(
    "name", ["state", "table", "walker", "walkers", "training", "given", "sweep", "record"]
)
def test_a_damaged_record_is_named_with_what_to_do(tmp_path, name, damage):
    file, read = readers(tmp_path)[name]
    file.write_bytes(DAMAGE[damage])
    with pytest.raises((InputError, CalculationError)) as raised:
        read()
    said = str(raised.value)
    assert str(file) in said and "is damaged" in said and "; " in said and "\n" not in said
    if damage in ("empty", "zeros"):
        assert {"empty": "it is empty", "zeros": "it holds zero bytes"}[damage] in said


def test_any_byte_of_a_table_may_be_another(tmp_path):
    """Compressed columns and the archive's own records are read as they are, or named."""
    file = tmp_path / "explored.npz"
    save_frames(file, FrameTable(*[np.arange(8.0) // 8] * 6, *[np.arange(8.0)] * 5))
    raw, named = file.read_bytes(), 0
    for at in range(len(raw)):
        file.write_bytes(raw[:at] + bytes([raw[at] ^ 0xFF]) + raw[at + 1 :])
        try:
            load_frames(file)
        except CalculationError as error:
            assert str(file) in str(error) and "is damaged" in str(error)
            named += 1
    assert named > len(raw) / 4


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_validation_is_one_of_the_known_errors(tmp_path, damage):
    (tmp_path / "v.json").write_bytes(DAMAGE[damage])
    with pytest.raises((OSError, ValueError, TypeError, KeyError, RecursionError)):
        validation_record.load(tmp_path / "v.json")


@pytest.mark.parametrize("damage", ["empty", "zeros", "cut", "list", "word", "null", "binary"])
def test_a_damaged_journal_is_put_aside_and_said_to_be(tmp_path, caplog, damage):
    (tmp_path / "dispatch.json").write_bytes(DAMAGE[damage])
    with caplog.at_level(logging.WARNING, "wtemlp.dispatch"):
        assert Journal.open(tmp_path).jobs == {}
    assert "dispatch.json is damaged" in caplog.text and "end them there" in caplog.text
    assert (tmp_path / "dispatch.unreadable").read_bytes() == DAMAGE[damage]


STATE = RunState(
    seed=1,
    type_map=("O",),
    numb_models=2,
    trust=((0.1, 0.3),),
    params="p",
    machine="m",
    n_iterations=2,
)


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (
            "0 0\n0 1\n",
            "move it away, and the same command, with the same files, goes on from "
            "record.dpgen, which says that iteration 0, run train, is done",
        ),
        (None, "put it back from a backup, or record.dpgen"),
        ("\0\0", "put it back from a backup, or record.dpgen"),
    ],
)
def test_a_damaged_state_says_what_else_tells_where_the_run_stands(tmp_path, record, words):
    paths = RunPaths(tmp_path)
    paths.train(0).mkdir(parents=True)
    (paths.train(0) / "x").touch()
    paths.state.write_bytes(b"\0" * 9)
    if record is not None:
        paths.record.write_text(record)
    with pytest.raises(InputError, match="is damaged") as raised:
        state.load(paths)
    assert words in raised.value.remedy


def test_a_state_of_another_version_is_not_called_damaged(tmp_path):
    paths = RunPaths(tmp_path)
    for content in ({"format": 99}, {"format": 1}, {"format": 1, "more": 2}):
        paths.state.write_text(json.dumps(content))
        with pytest.raises(InputError, match="not a state file of this version"):
            state.load(paths)


def test_empty_folders_of_iterations_are_no_work(tmp_path):
    (tmp_path / "iter.000000").mkdir()
    (tmp_path / "iter.log").mkdir()
    state.check_recorded(RunPaths(tmp_path), None)


def test_a_sweep_that_has_lost_its_records_is_not_begun_again(tmp_path):
    given = None
    arm = tmp_path / "g16"
    (arm / "iter.000000").mkdir(parents=True)
    (arm / "iter.000000/x").touch()
    with pytest.raises(InputError, match=r"the run g16 is in it, but given\.json and sweep\.json"):
        check_folder(tmp_path, given, "param.json")
    state.save(RunPaths(arm), STATE)
    (arm / "iter.000000/x").unlink()
    with pytest.raises(InputError, match="the run g16 is in it"):
        check_folder(tmp_path, given, "param.json")


@pytest.mark.parametrize("array", ["energy", "coord", "force", "box", "virial"])
@pytest.mark.parametrize("damage", ["empty", "zeros", "cut", "shorter", "page of zeros", "binary"])
def test_an_array_that_is_damaged_is_found(tmp_path, array, damage):
    paths = RunPaths(tmp_path)
    folder = paths.label_data(0, 0) / "H2/set.000"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(1)
    for name, shape in {
        "energy": (4,),
        "coord": (4, 6),
        "force": (4, 6),
        "box": (4, 9),
        "virial": (4, 9),
    }.items():
        np.save(folder / f"{name}.npy", rng.normal(size=shape))
    assert train.damaged_array(paths, 0) is None
    file = folder / f"{array}.npy"
    raw = file.read_bytes()
    if damage == "shorter":
        np.save(file, np.load(file)[:3])
    elif damage == "page of zeros":
        row = 8 if array == "energy" else 72
        file.write_bytes(raw[:-row] + b"\0" * row)
    else:
        file.write_bytes(raw[:-20] if damage == "cut" else DAMAGE[damage])
    found = train.damaged_array(paths, 0)
    if damage == "page of zeros" and array not in ("coord", "box"):
        assert found is None  # zeros are numbers
    elif (damage, array) == ("shorter", "energy"):
        assert found is not None
    else:
        assert found == file


DISK = [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.ESTALE, errno.EIO, errno.EFBIG]


@pytest.mark.parametrize("number", DISK)
@pytest.mark.parametrize("named", [True, False])
def test_an_error_of_the_file_system_is_one_line(tmp_path, capsys, number, named):
    paths = RunPaths(tmp_path)
    name = (str(tmp_path / "iter.000000/x"),) if named else ()
    words = "wtemlp run -C"
    with (
        pytest.raises(FileSystemError) as raised,
        session.at_work(paths, "run", tmp_path / "p.json", tmp_path / "m.json"),
    ):
        raise OSError(number, os.strerror(number), *name)
    said = str(raised.value)
    assert said.startswith(f"{name[0] if named else tmp_path}: ") and "\n" not in said
    assert words in said and raised.value.exit_code == 1
    assert json.loads(paths.live.read_text())["error"] == said
    assert "Traceback" not in "".join(capsys.readouterr())


def test_a_log_that_cannot_be_written_is_no_error(tmp_path, capsys):
    paths = RunPaths(tmp_path)
    paths.log.symlink_to("/dev/full")
    with session.at_work(paths, "run", tmp_path / "p.json", tmp_path / "m.json") as reporter:
        logging.getLogger("wtemlp").warning("a line for the log")
        reporter.say("said")
    said = "".join(capsys.readouterr())
    assert "said" in said and "Logging error" not in said and "Traceback" not in said


@pytest.mark.parametrize("number", DISK)
def test_a_full_disk_here_is_not_waited_for(number):
    """It is not the other side that does not answer."""

    def full():
        raise OSError(number, os.strerror(number), "x")

    with pytest.raises(OSError, match="x"):
        Patience(3600).steady("uploading", full)


def test_the_word_of_a_command_is_lost_without_harm(tmp_path):
    """What is written every other second must not end a run."""
    atomic_io.write_passing(tmp_path / "missing/live.json", {})
