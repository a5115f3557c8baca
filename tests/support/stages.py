"""Shared by tests: stages."""

from collections import Counter
from pathlib import Path

from wtemlp.config.records import MachineSection
from wtemlp.core.atomic_io import write_text
from wtemlp.dispatch.dispatcher import run_tasks
from wtemlp.dispatch.tasks import Task

# Says on an outside log when it begins and ends; leaves half a result on the way, and would add to
# what an earlier attempt left.
WORK = """\
echo "begin $PWD" >> {log}
printf half >> out.txt; mkdir -p traj; echo 1 >> traj/1
sleep {seconds}
echo " $(cat in.txt ../common.txt)" >> out.txt; echo 2 >> traj/2
echo "end $PWD" >> {log}
"""


def section(context="LazyLocalContext", retry_count=1, cpus=1, **keys):
    machine = {
        "batch_type": "Shell",
        "context_type": context,
        "local_root": "./",
        "remote_root": "./remote",
        "retry_count": retry_count,
        **keys,
    }
    resources = {"group_size": keys.pop("group_size", 1), "cpu_per_node": cpus}
    machine.pop("group_size", None)
    return MachineSection("model_devi", "", machine, resources)


def put(file, text):
    """Write an input, once: a task of a call before may be reading it."""
    if not file.exists():
        write_text(file, text)


class Stage:
    """A stage's folder with tasks, and the log outside of it that the tasks write to."""

    def __init__(self, tmp_path, run="run"):
        self.log = tmp_path / "events.log"
        self.run = tmp_path / run
        self.dir = self.run / "iter.000000" / "01.model_devi"
        self.dir.mkdir(parents=True, exist_ok=True)
        put(self.dir / "common.txt", "common\n")

    def task(self, index, command=WORK, seconds=0.0, **keys):
        name = f"task.000.{index:06d}"
        folder = self.dir / name
        folder.mkdir(exist_ok=True)
        put(folder / "in.txt", f"input {index}\n")
        keys = {"forward": ("in.txt",), "backward": ("out.txt", "traj"), **keys}
        return Task(name, folder, command.format(log=self.log, seconds=seconds), **keys)

    def tasks(self, count, **keys):
        return [self.task(index, **keys) for index in range(count)]

    def go(self, tasks, context="LazyLocalContext", on_progress=None, should_stop=None, **keys):
        return run_tasks(
            tasks,
            work_dir=self.dir,
            common_files=["common.txt"],
            section=section(context, **keys),
            on_progress=on_progress,
            should_stop=should_stop,
        )

    def inputs(self):
        """The inputs that there are, and when each was written."""
        files = [*self.dir.glob("*.txt"), *self.dir.glob("task.*/in.txt")]
        return {file: (file.stat().st_ino, file.stat().st_mtime_ns) for file in files}

    def events(self):
        """How often each task began and ended, by "begin task.000.000000"."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        pairs = [line.split(" ", 1) for line in lines]
        return Counter(f"{what} {Path(folder).name}" for what, folder in pairs)

    def results(self):
        return {
            path.relative_to(self.dir).as_posix(): path.read_text()
            for pattern in ("task.*/out.txt", "task.*/traj/*")
            for path in self.dir.glob(pattern)
        }

    def expected(self, count):
        names = [f"task.000.{index:06d}" for index in range(count)]
        files = {f"{name}/out.txt": f"half input {i}\ncommon\n" for i, name in enumerate(names)}
        files |= {f"{name}/traj/1": "1\n" for name in names}
        return files | {f"{name}/traj/2": "2\n" for name in names}


def once_each(stage, count):
    names = [f"task.000.{index:06d}" for index in range(count)]
    return Counter({f"{what} {name}": 1 for what in ("begin", "end") for name in names})


def files():
    """Every file that dpdispatcher copies."""
    from dpdispatcher.file_manager import FileTransfer  # not before wtemlp tames dpdispatcher

    return ((FileTransfer, "_copy_one"),)
