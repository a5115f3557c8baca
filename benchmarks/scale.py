"""What large explorations cost the program itself: for n tasks, and for four times as many.

    python benchmarks/scale.py [--repeats 3]

No engine runs.  Printed are medians of the CPU time; a cost that is linear has a ratio near 4,
one that grows with the square of the number of tasks a ratio of 16.
"""

import argparse
import io
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from wtemlp.analysis.frames import FrameTable
from wtemlp.core.paths import RunPaths
from wtemlp.dispatch.journal import Journal
from wtemlp.dispatch.ssh.connection import SSHContext
from wtemlp.dispatch.stage_run import StageRun
from wtemlp.dispatch.tasks import Progress, Task
from wtemlp.md.dump import Dump
from wtemlp.md.walker_record import WalkerRecord, write_record
from wtemlp.records.summary import Summary
from wtemlp.report import data as report_data
from wtemlp.session.progress import StageProgress
from wtemlp.stages.dpgen import import_labels
from wtemlp.stages.exploration.explore import done_steps
from wtemlp.stages.exploration.previous_hills import PreviousWalkers

FRAMES = 1000  #: of each task, where there are any


def names(n: int) -> list[str]:
    """Folders of tasks."""
    return [f"task.000.{index:06d}" for index in range(n)]


def download(n: int, folder: Path) -> Callable[[], object]:
    """SSH: which files of tasks with 1,000 frames are brought home."""
    said = "\0".join(
        f"./{name}/traj/{frame}.lammpstrj" for name in names(n) for frame in range(FRAMES)
    ).encode()
    context = object.__new__(SSHContext)
    context.remote_profile = {}
    context.ssh_session = SimpleNamespace(ensure_alive=lambda: None)
    context.block_checkcall = lambda command: (None, io.BytesIO(said), None)
    context.check_file_exists = lambda name: False
    context._get_files = lambda names, compress: None
    patterns = ["traj/*", "model_devi.out", "COLVAR*", "HILLS*", "plumed.*.log", "sigma.out"]
    tasks = [SimpleNamespace(task_work_path=name, backward_files=patterns) for name in names(n)]
    return lambda: context.download(SimpleNamespace(belonging_tasks=tasks))


def hills(n: int, folder: Path) -> Callable[[], object]:
    """``hills: shift``: the walkers of the iteration before."""
    tasks = [folder / name for name in names(n)]
    records = [WalkerRecord(300.0, walker=number, biasfactor=4.0) for number in range(n)]
    for task, record in zip(tasks, records, strict=True):
        task.mkdir()
        write_record(task, record)

    def look() -> None:
        before = PreviousWalkers(tasks)
        for record in records:
            before.hills(record)

    return look


def progress(n: int, folder: Path) -> Callable[[], object]:
    """How far a stage is, as its tasks end one by one, two at a time."""
    tasks = [Task(name, folder / name, "", (), (), steps=1000) for name in names(n)]
    for task in tasks:
        task.folder.mkdir()
        (task.folder / "model_devi.out").write_text("# step\n" + "500 0 0 0 0.1 0 0\n" * 50)

    def follow() -> None:
        stage, ended = StageProgress("", tasks, done_steps), list[str]()
        for number, task in enumerate(tasks):
            active = names(n)[number : number + 2] if number < 2 else [task.name]
            stage.update(Progress(n - number - 2, 2, number, 0, active, ended))
            ended.append(task.name)

    return follow


def submit(n: int, folder: Path) -> Callable[[], object]:
    """Jobs handed to a queue."""
    backend = SimpleNamespace(
        group_size=1, upload=lambda tasks: None, submit=lambda name, tasks, clean: "1"
    )

    def hand_in() -> None:
        run = object.__new__(StageRun)
        run.journal, run.should_stop = Journal(folder / "journal.json"), None
        run.settings = SimpleNamespace(service=False, shell=False, where="")
        run.backend, run.slots, run.clean, run.full = backend, None, True, False
        run.tasks, run.waiting, run.jobs = {name: name for name in names(n)}, names(n), {}
        run._submit_waiting()

    return hand_in


def walkers(n: int, folder: Path) -> Callable[[], object]:
    """The page: the frames of each walker."""
    rows = n * FRAMES
    empty = np.zeros(rows)
    columns = dict.fromkeys(
        ("system", "walker", "biasfactor", "temperature_K", "phase", "energy_eV", "bias_eV"), empty
    )
    table = FrameTable(
        task=np.repeat(np.arange(n), FRAMES),
        step=np.tile(np.arange(FRAMES), n),
        max_devi_f=empty,
        decision=empty,
        **columns,
    )
    return lambda: report_data._read_walkers(RunPaths(folder), 0, table, Summary(0))


def labels(n: int, folder: Path) -> Callable[[], object]:
    """A run of DP-GEN taken over: which label is of which frame, 96 atoms."""
    rng = np.random.default_rng(1)
    cell, types = np.diag([10.0, 10.0, 10.0]), np.zeros(96, dtype=int)
    coords = rng.uniform(0, 10, (n, 96, 3))
    labelled = [(types, one, cell, 0.0) for one in coords]
    frames = [Dump(np.zeros(1), cell[None], types + 1, one[None], None) for one in coords[::-1]]

    def take() -> None:
        found = import_labels._Labelled(labelled)
        assert all(found.take(frame) is not None for frame in frames)

    return take


ROWS = {download: 50, hills: 1000, progress: 1000, submit: 10000, walkers: 500, labels: 2000}


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    repeats = parser.parse_args().repeats
    print(f"{'':72}{'n':>6}{'s':>8}{'s at 4 n':>10}{'ratio':>7}")
    for row, n in ROWS.items():
        took: dict[int, list[float]] = {n: [], 4 * n: []}
        for _ in range(repeats):
            for count, times in took.items():
                with tempfile.TemporaryDirectory() as folder:
                    action = row(count, Path(folder))
                    begin = time.process_time()
                    action()
                    times.append(time.process_time() - begin)
        few, many = map(statistics.median, took.values())
        print(f"{row.__doc__:72}{n:6}{few:8.2f}{many:10.2f}{many / few:7.1f}", flush=True)


if __name__ == "__main__":
    main()
