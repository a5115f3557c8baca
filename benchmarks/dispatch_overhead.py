"""What dispatching a task costs, with wtemlp and with dpdispatcher alone, side by side.

    python benchmarks/dispatch_overhead.py [--tasks 2000] [--group 20] [--repeats 3]
    python benchmarks/dispatch_overhead.py --slurm [--tasks 300] [--group 10]

Tasks that only write a line, each in a folder with an input of its own, through the same context,
the same group size and the same time between two looks at the jobs (0.5 s).  Here: background
processes of this machine (LazyLocalContext, Shell).  With ``--slurm``: the loopback cluster of
the tests, over SSH.  The two programs take turns, each in a process of its own; printed are
medians per task of the wall time and of the CPU time (the client's; here also that of the job
scripts and of the tasks themselves), and the client's peak memory for all tasks and for a quarter
of them.  dpdispatcher starts all local jobs at once, wtemlp as many as there are cores.
"""

import argparse
import ctypes
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]
CLUSTER = ROOT / "tests" / "cluster" / "loopback.sh"
COMMAND = "cat in.txt ../common.txt > out.txt"
POLL_S = 0.5
PROGRAMS = ("dpdispatcher", "wtemlp")
PR_SET_CHILD_SUBREAPER = 36


def machine(remote: Path, slurm: bool) -> dict:
    """The machine dictionary that both are given."""
    if not slurm:
        return {"batch_type": "Shell", "context_type": "LazyLocalContext", "local_root": "./"}
    profile = {
        "hostname": "127.0.0.1",
        "port": int(os.environ["SSHD_PORT"]),
        "timeout": 10,
        "username": os.environ["SSH_USER"],
        "key_filename": os.environ["SSH_KEY"],
    }
    return {
        "batch_type": "Slurm",
        "context_type": "SSHContext",
        "local_root": "./",
        "remote_root": str(remote),
        "remote_profile": profile,
    }


def resources(group: int) -> dict:
    """The resources dictionary that both are given."""
    return {
        "number_node": 1,
        "cpu_per_node": 1,
        "gpu_per_node": 0,
        "queue_name": "cpu",
        "group_size": group,
    }


def with_dpdispatcher(work: Path, names: list[str], given: dict, group: int) -> None:
    """Run the tasks with dpdispatcher alone."""
    from dpdispatcher import Machine, Resources, Submission, Task

    tasks = [
        Task(COMMAND, name, forward_files=["in.txt"], backward_files=["out.txt"]) for name in names
    ]
    submission = Submission(
        work_base=work.name,
        forward_common_files=["common.txt"],
        task_list=tasks,
        machine=Machine.load_from_dict({**given, "local_root": str(work.parent)}),
        resources=Resources.load_from_dict(resources(group)),
    )
    submission.run_submission(check_interval=POLL_S)


def with_wtemlp(work: Path, names: list[str], given: dict, group: int) -> None:
    """Run the tasks with wtemlp's dispatcher."""
    from wtemlp.config.records import MachineSection
    from wtemlp.dispatch.dispatcher import run_tasks
    from wtemlp.dispatch.tasks import Task

    tasks = [Task(name, work / name, COMMAND, ("in.txt",), ("out.txt",)) for name in names]
    given = {**given, "poll_seconds": POLL_S}
    if "SSH_KNOWN_HOSTS" in os.environ:
        given["known_hosts_file"] = os.environ["SSH_KNOWN_HOSTS"]
    section = MachineSection("fp", "", given, resources(group))
    results = run_tasks(tasks, work_dir=work, common_files=["common.txt"], section=section)
    assert all(result.ok for result in results)


def cpu_s() -> float:
    """CPU time of this process and of all that it started and that has ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def reaped() -> bool:
    """Wait for a process that was started; whether there was one."""
    try:
        os.wait()
    except ChildProcessError:
        return False
    return True


def worker(program: str, folder: Path, count: int, group: int, slurm: bool) -> None:
    """Prepare a stage, run it, print what it took."""
    work, remote = folder / "stage", folder / "remote"
    remote.mkdir()
    names = [f"task.{index:06d}" for index in range(count)]
    for name in names:
        (work / name).mkdir(parents=True)
        (work / name / "in.txt").write_text(f"{name}\n")
    (work / "common.txt").write_text("common\n")
    os.chdir(folder)  # dpdispatcher opens its log here
    run = with_dpdispatcher if program == "dpdispatcher" else with_wtemlp
    # what is orphaned becomes ours, so that its time can be asked for
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    begin, cpu = time.monotonic(), cpu_s()
    run(work, names, machine(remote, slurm), group)
    wall = time.monotonic() - begin
    while reaped():
        continue
    cpu = cpu_s() - cpu
    assert all((work / name / "out.txt").read_text() == f"{name}\ncommon\n" for name in names)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print("RESULT", json.dumps({"wall_s": wall, "cpu_s": cpu, "memory_MB": memory}))


@contextmanager
def cluster() -> Iterator[dict[str, str]]:
    """The loopback cluster; the variables that a client needs."""
    with tempfile.TemporaryDirectory(prefix="lb") as folder:
        Path(folder).chmod(0o755)
        process = subprocess.Popen(
            [CLUSTER, "run", f"{folder}/c"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdin
        assert process.stdout
        try:
            if process.stdout.readline() != "READY\n":
                sys.exit("the loopback cluster did not start; see tests/cluster/loopback.sh")
            lines = Path(f"{folder}/c/env").read_text().splitlines()
            variables = dict(line.removeprefix("export ").split("=", 1) for line in lines)
            yield {key: value for key, value in variables.items() if key != "SLURM_CONF"}
        finally:
            process.stdin.close()
            process.wait()


def measure(program: str, count: int, args: argparse.Namespace, environment: dict) -> dict:
    """One run of one program in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable,
            __file__,
            "--worker",
            program,
            "--folder",
            folder,
            "--tasks",
            str(count),
            "--group",
            str(args.group),
        ]
        path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
        done = subprocess.run(
            command + ["--slurm"] * args.slurm,
            text=True,
            capture_output=True,
            check=False,
            env={**os.environ, **environment, "PYTHONPATH": path, "HOME": folder},
        )
    if done.returncode:
        sys.exit(done.stdout[-2000:] + done.stderr[-4000:])
    line = next(x for x in done.stdout.splitlines() if x.startswith("RESULT "))
    return json.loads(line.removeprefix("RESULT "))


def compare(args: argparse.Namespace, environment: dict) -> None:
    """Take turns, print medians."""
    found: dict[tuple[str, int], list[dict]] = {}
    for _ in range(args.repeats):
        for count in (args.tasks // 4, args.tasks):
            for program in PROGRAMS:
                found.setdefault((program, count), []).append(
                    measure(program, count, args, environment)
                )
    where = "Slurm over SSH" if args.slurm else "this machine"
    print(f"{args.tasks} tasks on {where}, {args.group} in a job, medians of {args.repeats} runs")
    print(f"{'':14}{'wall ms/task':>14}{'CPU ms/task':>14}{'peak MB':>10}{'peak MB at 1/4':>16}")
    for program in PROGRAMS:

        def median(key: str, count: int, program: str = program) -> float:
            return statistics.median(one[key] for one in found[program, count])

        wall, cpu = (median(key, args.tasks) / args.tasks * 1e3 for key in ("wall_s", "cpu_s"))
        print(
            f"{program:14}{wall:14.2f}{cpu:14.2f}{median('memory_MB', args.tasks):10.0f}"
            f"{median('memory_MB', args.tasks // 4):16.0f}"
        )


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--slurm", action="store_true", help="on the loopback cluster, over SSH")
    parser.add_argument("--tasks", type=int)
    parser.add_argument("--group", type=int)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--worker", choices=PROGRAMS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    args.tasks = args.tasks or (300 if args.slurm else 2000)
    args.group = args.group or (10 if args.slurm else 20)
    if args.worker:
        worker(args.worker, args.folder, args.tasks, args.group, args.slurm)
    elif args.slurm:
        with cluster() as environment:
            compare(args, environment)
    else:
        compare(args, {})


if __name__ == "__main__":
    main()
