"""What a task costs does not grow with the number of tasks: counted, not timed."""

import io
import subprocess
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tests.support.label_inputs import prepared
from wtemlp.analysis.frames import FrameTable, load_frames, save_frames
from wtemlp.comparison import reading
from wtemlp.core.paths import RunPaths
from wtemlp.dispatch import script
from wtemlp.dispatch.journal import Journal
from wtemlp.dispatch.library import RemoteManifestBuilder
from wtemlp.dispatch.ssh.connection import SSHContext
from wtemlp.dispatch.stage_run import StageRun
from wtemlp.dispatch.tasks import Progress, Task
from wtemlp.md.dump import Dump
from wtemlp.md.walker import SharedHills
from wtemlp.md.walker_record import WalkerRecord, write_record
from wtemlp.report import data as report_data
from wtemlp.session.progress import StageProgress
from wtemlp.stages import label
from wtemlp.stages.dpgen import import_labels
from wtemlp.stages.exploration import previous_hills
from wtemlp.stages.exploration.previous_hills import PreviousWalkers

FEW, MANY = 20, 80


@pytest.fixture
def counted(monkeypatch):
    """``counted(owner, name)``: count the calls of a function; the counter, by name."""
    calls: Counter[str] = Counter()

    def count(owner, name):
        real = getattr(owner, name)

        def call(*args, **keys):
            calls[name] += 1
            return real(*args, **keys)

        monkeypatch.setattr(owner, name, staticmethod(call) if isinstance(owner, type) else call)
        return calls

    return count


def is_linear(cost) -> bool:
    """Whether four times as many cost four times as much, with what does not depend on it."""
    few, many = cost(FEW), cost(MANY)
    return few > 0 and many <= MANY / FEW * few


def downloaded(n_tasks: int, n_frames: int = 3) -> list[str]:
    """Files that are asked for of a host on which tasks have ended."""
    context = object.__new__(SSHContext)
    context.remote_profile = {}
    context.ssh_session = SimpleNamespace(ensure_alive=lambda: None)
    names = [f"task.{index:06d}" for index in range(n_tasks)]
    files = [f"./{name}/traj/{frame}.lammpstrj" for name in names for frame in range(n_frames)]
    files += [f"./{name}/{file}" for name in names for file in ("model_devi.out", "other", "HILLS")]
    files.append(f"./{names[0]}/{script.ERR}")
    said = "\0".join(files).encode() + b"\0"
    context.block_checkcall = lambda command: (None, io.BytesIO(said), None)
    context.check_file_exists = lambda name: False
    asked: list[str] = []
    context._get_files = lambda names, compress: asked.extend(names)
    patterns = ["traj/*", "model_devi.out", "*ILLS", "lost", script.OUT, script.ERR]
    tasks = [SimpleNamespace(task_work_path=name, backward_files=patterns) for name in names]
    context.download(SimpleNamespace(belonging_tasks=tasks), check_exists=True, mark_failure=False)
    return asked


def test_a_tasks_patterns_are_matched_with_its_own_files(counted):
    calls = counted(RemoteManifestBuilder, "_relative_to_prefix")

    def cost(n):
        calls.clear()
        asked = downloaded(n)
        assert len(asked) == len(set(asked)) == 5 * n + 1
        assert f"task.000000/{script.ERR}" in asked and "task.000001/other" not in asked
        return calls["_relative_to_prefix"]

    assert is_linear(cost)


def test_the_hills_of_the_iteration_before_are_read_once(tmp_path, counted):
    calls = counted(previous_hills, "read_record")

    def cost(n):
        calls.clear()
        folders = [tmp_path / f"{n}.{k}" for k in range(n)]
        for k, folder in enumerate(folders):
            folder.mkdir()
            write_record(folder, WalkerRecord(300.0, walker=k, biasfactor=4.0))
            (folder / "HILLS").write_text("#! FIELDS time ene sigma_ene height biasf\n")
            (folder / "sigma.out").write_text(f"mean_eV {k} sigma_eV 0.2 biasfactor 4\n")
        found = PreviousWalkers(folders)
        for k in range(n):
            assert found.hills(WalkerRecord(300.0, walker=k, biasfactor=4.0)).mean_eV == k
        return calls["read_record"]

    assert is_linear(cost)


def test_only_what_runs_is_asked_how_far_it_is():
    def cost(n):
        asked = []

        def done_steps(folder):
            asked.append(folder.name)
            return 50

        tasks = [Task(str(k), Path(str(k)), "", (), (), steps=100) for k in range(n)]
        stage, ended = StageProgress("explore", tasks, done_steps), []
        for k in range(n):
            stage._look_at = float("-inf")
            stage.update(Progress(n - k - 1, 1, k, 0, active=[str(k)], ended=ended))
            assert stage.fraction == pytest.approx((k + 0.5) / n)
            ended.append(str(k))
        stage.update(Progress(0, 0, n, 0, ended=ended))
        assert stage.fraction == 1
        return len(asked)

    assert is_linear(cost)


class Name(str):
    """A name that counts how often it is looked up, and its task."""

    hashed = 0
    beside = ""

    def __hash__(self) -> int:
        Name.hashed += 1
        return super().__hash__()


@pytest.mark.parametrize("slots", [None, 2])
def test_jobs_are_submitted_without_looking_at_those_that_wait(tmp_path, slots):
    class Backend:
        group_size = 1
        upload = staticmethod(lambda tasks: None)
        submit = staticmethod(lambda name, tasks, clean: "1")

    def cost(n):
        names = [Name(k) for k in range(n)]
        settings = SimpleNamespace(service=False, shell=True, where="here")
        run = object.__new__(StageRun)
        run.journal, run.settings, run.should_stop = Journal(tmp_path / "j"), settings, None
        run.tasks = {name: name for name in names}
        run.backend, run.slots, run.clean, run.full = Backend, slots, True, False
        run.waiting, run.jobs = list(names), {}
        Name.hashed, order = 0, []
        while run._submit_waiting():
            order += [name for job in run.jobs.values() for name in job.open]
            run.jobs.clear()
            run.journal.jobs.clear()
        assert order == names and not run.waiting
        return Name.hashed

    assert is_linear(cost)


def table(n_walkers: int, n_frames: int = 5) -> FrameTable:
    task = np.repeat(np.arange(n_walkers), n_frames)
    n = len(task)
    columns = dict.fromkeys(
        ("walker", "biasfactor", "temperature_K", "phase", "energy_eV", "bias_eV", "decision"),
        np.zeros(n),
    )
    step = np.tile(np.arange(n_frames), n_walkers)
    return FrameTable(system=np.zeros(n), task=task, step=step, max_devi_f=np.zeros(n), **columns)


def test_the_frames_of_a_walker_are_found_without_looking_at_the_others(tmp_path, monkeypatch):
    looked_at, real = [], FrameTable.where

    def where(self, mask):
        looked_at.append(len(mask))
        return real(self, mask)

    monkeypatch.setattr(FrameTable, "where", where)

    def cost(n):
        run = RunPaths(tmp_path / str(n))
        run.explored(0).parent.mkdir(parents=True)
        save_frames(run.explored(0), table(n))
        summary = report_data.Summary(
            0, explored=5 * n, walkers=[_summary(run, task) for task in range(n)]
        )
        looked_at.clear()
        walkers = report_data._read_walkers(run, 0, load_frames(run.explored(0)), summary)
        assert [walker.task for walker in walkers] == list(range(n))
        found = reading._exploration(
            report_data.IterationData(0, summary, frames=table(n), walkers=walkers)
        )
        assert [walker.explored for walker in found.walkers] == [5] * n
        return sum(looked_at)

    assert is_linear(cost)


def _summary(run, task):
    return report_data.WalkerSummary(name=run.explore_task(0, 0, task).name, biasfactor=4.0)


def test_a_label_is_found_by_its_positions_without_looking_at_the_others(counted):
    calls = counted(import_labels, "minimum_image")
    cell, types = np.diag([10.0, 11.0, 12.0]), np.array([0, 0, 1])

    def cost(n):
        rng = np.random.default_rng(1)
        coords = rng.uniform(-1, 1, (n, 3, 3)) * 0.3 + [[0, 0, 0], [3, 3, 3], [6, 6, 6]]
        labelled = [(types, one, cell, float(k)) for k, one in enumerate(coords)]
        found = import_labels._Labelled([*labelled, (types, coords[0], cell, -1.0)])
        calls.clear()
        order = rng.permutation(n)
        for k in order:  # as DP-GEN's data may have them: wrapped into the cell
            moved = coords[k][[2, 0, 1]] + cell[1]
            frame = Dump(np.zeros(1), cell[None], np.array([2, 1, 1]), moved[None], None)
            assert found.take(frame) == k
        assert found.take(frame) == (-1.0 if order[-1] == 0 else None)
        return calls["minimum_image"]

    assert is_linear(cost)


def test_outputs_made_by_hand_are_looked_for_with_one_look_at_the_journal(tmp_path, counted):
    context = prepared(tmp_path, "vasp")
    calls = counted(Journal, "open")
    assert label.take_by_hand(context, 0) == []
    assert calls["open"] == 1


def test_the_command_that_makes_shared_hills_is_as_short_for_any_number_of_walkers(tmp_path):
    few, many = (SharedHills("hills", n, 1).all_made for n in (2, 5000))
    assert len(many) < len(few) + 5 and not set(many) & set("$\"'&")
    (tmp_path / "hills").mkdir()
    kept = tmp_path / "hills" / "HILLS.7"
    kept.write_text("as it was\n")
    subprocess.run(many, shell=True, cwd=tmp_path, check=True)
    names = {file.name for file in (tmp_path / "hills").iterdir()}
    assert names == {f"HILLS.{number}" for number in range(5000)}
    assert SharedHills("hills", 5000, 4999).file.split("/")[1] in names
    assert kept.read_text() == "as it was\n"
