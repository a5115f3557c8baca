"""`wtemlp status` from files alone, and the lock that it asks."""

import json
import os
import socket
import time
from dataclasses import asdict
from pathlib import Path

import pytest

from wtemlp.cli.status import describe
from wtemlp.core import shell_hints
from wtemlp.core.errors import InputError, WtemlpError
from wtemlp.core.paths import RunPaths
from wtemlp.records import state
from wtemlp.records.init_result import PARAMETERS, RESULT, Ensemble
from wtemlp.records.state import RunState, Step
from wtemlp.session.lock import is_held, locked
from wtemlp.session.progress import Reporter


@pytest.fixture
def paths(tmp_path):
    """A folder whose run is in its first exploration."""
    paths = RunPaths(tmp_path / "two words")
    paths.root.mkdir()
    begun = RunState(
        seed=1,
        type_map=("O", "H"),
        numb_models=4,
        trust=((0.1, 0.3),),
        params="p a.json",
        machine="../machine.json",
        n_iterations=2,
        step=Step.MAKE_EXPLORE,
    )
    state.save(paths, begun)
    return paths


def reporter(paths, command="run"):
    return Reporter(paths.live, command=command, files=("p a.json", "../machine.json"))


def test_a_hint_can_be_pasted(paths, monkeypatch):
    monkeypatch.chdir(paths.root)
    assert "go on with: wtemlp run 'p a.json' ../machine.json" in describe(paths.root)
    monkeypatch.chdir(paths.root.parent)
    words = "go on with: wtemlp run -C 'two words' 'two words/p a.json' machine.json"
    assert words in describe(paths.root)
    monkeypatch.chdir("/")
    assert f"wtemlp run -C '{str(paths.root)[1:]}' '" in describe(paths.root)
    assert shell_hints.status(Path("/a b")) == "wtemlp status 'a b'"


def test_a_command_that_has_just_begun_is_at_work(paths):
    with locked(paths):
        reporter(paths).begin()
        text = describe(paths.root)
        assert f"starting (0 s ago, process {os.getpid()} on {socket.gethostname()})" in text
        assert "explore: being prepared" in text and "no wtemlp" not in text


def test_a_process_of_the_same_number_is_not_the_run(paths):
    reporter(paths).begin()  # this process is alive, and does not hold the lock
    text = describe(paths.root)
    assert "no wtemlp is at work on it (the last, process" in text
    assert "explore: about to be prepared" in text


def test_the_last_error_is_told_until_the_run_goes_on(paths, monkeypatch):
    monkeypatch.chdir(paths.root)
    reporter(paths).end("task.000.000000: Lost atoms")
    text = describe(paths.root)
    assert "stopped 0 s ago: task.000.000000: Lost atoms\ngo on with: wtemlp run 'p a" in text
    with locked(paths):
        reporter(paths).begin()
        assert "Lost atoms" not in describe(paths.root)


def test_a_run_on_another_host_may_be_alive(paths):
    reporter(paths).begin()
    live = json.loads(paths.live.read_text())
    paths.live.write_text(json.dumps(live | {"host": "elsewhere", "time": time.time() - 60}))
    text = describe(paths.root)
    assert "1 min 00 s ago, process" in text and "if that has ended, go on with: wtemlp" in text


def test_a_lock_that_cannot_be_asked_is_no_verdict(paths):
    reporter(paths).begin()
    paths.lock.mkdir()  # stands for the file of another user: it cannot be opened
    assert is_held(paths) is None
    text = describe(paths.root)
    assert f"starting (0 s ago, process {os.getpid()}" in text and "if that has ended" in text


@pytest.mark.parametrize("change", [{"time": "noon"}, {"host": None}, {"ended": 1}, {"files": 3}])
def test_a_damaged_live_file_is_as_none(paths, change):
    reporter(paths).begin()
    paths.live.write_text(json.dumps(json.loads(paths.live.read_text()) | change))
    assert "no wtemlp is at work on it; go on with" in describe(paths.root)


#: Keys that the results of boxes of water had in earlier versions.
EARLIER = (
    *("biasfactor", "temperature_K", "temperature_error_K", "mean_eV", "mean_error_eV"),
    *("sigma_eV", "sigma_error_eV", "statistical_inefficiency"),
)


def test_init_from_its_beginning_to_its_end(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    paths = RunPaths(tmp_path)
    with pytest.raises(InputError, match="no run here; start one with: wtemlp run PARAM MACHINE"):
        describe(tmp_path)
    with locked(paths):
        reporter(paths, "init").begin()
        assert "wtemlp init in" in describe(tmp_path) and "starting (" in describe(tmp_path)
        (tmp_path / "start").mkdir()
        (tmp_path / "start" / PARAMETERS).write_text("{}")
        reporter(paths, "init").say("init: labels: 1 of 2 tasks done")
        assert "labels: 1 of 2 tasks done (" in describe(tmp_path)
    text = describe(tmp_path)
    assert "has ended); go on with: wtemlp init 'p a.json' ../machine.json" in text
    reporter(paths, "init").end("no licence")
    assert "no licence\ngo on with: wtemlp init 'p a.json'" in describe(tmp_path)
    paths.live.unlink()
    assert "go on with: wtemlp init PARAM MACHINE" in describe(tmp_path)
    nvt = Ensemble(1.0, 300.0, 1.0, -1.0, 0.1, 0.2, 0.01, 2.0)
    result = {  # of an earlier version
        "n_molecules": 16,
        "box_A": 7.8,
        "density_g_cm3": 1.0,
        "nvt": {key: value for key, value in asdict(nvt).items() if key in EARLIER},
        "wte": [],
        "n_train": 15,
        "n_validation": 5,
        "n_rejected": 0,
        "starting_structures": 3,
    }
    (tmp_path / "start" / RESULT).write_text(json.dumps({"result": result}))
    text = describe(tmp_path)
    assert "is done\n16 waters in 7.8000" in text
    assert text.endswith("go on with: wtemlp run PARAM MACHINE")
    assert "-C" in _from(monkeypatch, tmp_path.parent, tmp_path)


def _from(monkeypatch, folder, root):
    monkeypatch.chdir(folder)
    return describe(root).splitlines()[-1]


@pytest.mark.parametrize("kept", [[0.1, 0.3], [[0.1, 0.3]]])
def test_trust_levels_are_kept_for_each_system(paths, kept):
    content = json.loads(paths.state.read_text())
    paths.state.write_text(json.dumps(content | {"trust": kept}))
    assert state.load(paths).trust == ((0.1, 0.3),)


# -- the lock


def test_the_lock_is_asked_without_a_trace(tmp_path):
    paths = RunPaths(tmp_path)
    assert is_held(paths) is False and not paths.lock.exists()
    with locked(paths):
        assert is_held(paths) is True
        with pytest.raises(WtemlpError, match="another wtemlp is at work here"), locked(paths):
            pass
    assert is_held(paths) is False
    with locked(paths):
        assert is_held(paths) is True


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs /proc")
@pytest.mark.parametrize("folder", ["/proc", "/proc/self", "/proc/new/folder", "/dev/null/run"])
def test_a_folder_that_takes_no_file_is_said_to_be_so(folder):
    with (
        pytest.raises(InputError, match=r"cannot be written \(.+\); take another"),
        locked(RunPaths(Path(folder))),
    ):
        pass


def test_a_lock_that_is_a_folder(tmp_path):
    RunPaths(tmp_path).lock.mkdir()
    with pytest.raises(InputError, match="cannot be written"), locked(RunPaths(tmp_path)):
        pass
