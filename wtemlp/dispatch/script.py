"""What runs on the other side: the shell text around a task's command.

dpdispatcher writes the job script; this module writes what goes into it.  Five promises are kept
here because only the place where the work happens can keep them:

- two copies of a task never run at the same time in one folder (``flock``),
- a finished task is not run again (its tag, read and written under the lock),
- an attempt starts from the files that were there before the first one,
- how an attempt ended is on disk before anybody asks,
- and so is how long it took.
"""

import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from wtemlp.core import paths
from wtemlp.dispatch.tasks import Task

OUT = "task.out"  #: a task's standard output
ERR = "task.err"  #: a task's standard error
TASK_HASH = ".wtemlp"
#: The job that finished the task, and 0; dpdispatcher's own name of a task's finished tag.
DONE = f"{TASK_HASH}_task_tag_finished"
#: Locked while anything runs in the folder.  Its lines: the files that were there before the first
#: attempt, closed by a "./.", then the jobs that began an attempt.
LOCK = ".wtemlp.lock"
PROGRESS = paths.PROGRESS  #: how far the task has come, if its command says so: a number
EXIT = ".wtemlp.exit"  #: the job that ended the last attempt, if it failed, and its exit status
#: When attempts began and ended, and, before one that follows another, the folder's last change:
#: a line ``JOB begin|end|seen SECONDS``, since the epoch.
TIMES = ".wtemlp.times"
AGAIN = ".wtemlp.again"  #: in the folder at home: finished, but to be done again
MISSING_RESULT = 121  #: exit status of a task that ended well but without a declared result

_NOW = "${EPOCHREALTIME:-$(date +%s)}"  #: seconds; before its version 5, bash has to ask
_GLOB = re.compile(r"[*?\[]")


def declared(task: Task) -> tuple[str, ...]:
    """The results that a finished task must have left: its backward names without wildcards."""
    return tuple(name for name in task.backward if not _GLOB.search(name))


def task_command(task: Task, job: str, forward: Sequence[str], clean: bool) -> str:
    """Shell text that runs a task once, and only once.

    Of its own it starts two processes where there is nothing to mend: ``flock``, and the
    subshell of the command.

    Parameters
    ----------
    task : Task
        The task; its command is evaluated in a subshell, so that an ``exit`` or a syntax error
        in it ends that task and nothing else.
    job : str
        The job's identity, written beside the task's exit status.
    forward : sequence of str
        Inputs that must survive the cleaning, relative to the folder, wildcards expanded.
    clean : bool
        Whether a second attempt starts from the files that were there before the first; but one
        that follows a killed attempt goes on from its checkpoint, if it has one.

    Returns
    -------
    str
        Lines for a job script, run in the task's folder; their status is that of the attempt.
    """
    lines = [
        "",
        "wtemlp_task() {",
        "flock 9",
        f"[ ! -f {DONE} ] || return 0",
        f"[ ! -s {TIMES} ] || echo - seen $({_newest(forward)}) >> {TIMES}",
    ]
    if clean:
        cleaning = _cleaning(forward)
        lines += _unless_it_goes_on(task.checkpoint, cleaning) if task.checkpoint else cleaning
    lines += [
        f"[ ! -e {EXIT} ] || rm -f {EXIT}; echo {job} >> {LOCK}",
        f"echo {job} begin {_NOW} >> {TIMES}",
        f"( eval {shlex.quote(task.command)} )",
        "local code=$?",
        f"echo {job} end {_NOW} >> {TIMES}",
    ]
    for name in declared(task):
        complaint = shlex.quote(f"wtemlp: the result {name} was not made")
        lines += [
            f"if [ $code -eq 0 ] && [ ! -e {shlex.quote(name)} ]; then",
            f"  echo {complaint} >&2; code={MISSING_RESULT}",
            "fi",
        ]
    lines += [
        f"if [ $code -eq 0 ]; then echo {job} 0 > {DONE}; else echo {job} $code > {EXIT}; fi",
        "return $code",
        "}",
        # The engine inherits descriptor 9: the lock is held as long as anything runs in here.
        f"wtemlp_task 9>>{LOCK}",
        "",
    ]
    return "\n".join(lines)


#: Exit statuses of what was ended from outside.
ENDED_FROM_OUTSIDE = (129, 130, 137, 143, 152)


def _unless_it_goes_on(checkpoint: str, cleaning: Sequence[str]) -> list[str]:
    """Lines that clean a folder, unless its last attempt was killed and can be gone on with.

    How far that is, is noted before the command begins: an attempt that is killed in its turn has
    gained something if it began farther than the one before.  After a failure of the task itself
    its checkpoint may be what is wrong.
    """
    killed = "|".join(map(str, ENDED_FROM_OUTSIDE))
    asked = shlex.join(("sh", "-c", checkpoint))
    return [
        "local come= last=137",
        f"if [ -s {LOCK} ] && grep -qxF ./. {LOCK}; then",
        f"  [ ! -s {EXIT} ] || read -r _ last < {EXIT}",
        f"  case $last in {killed}) come=$({asked} 2>/dev/null);; esac",
        "fi",
        f'if [ -n "$come" ]; then echo "$come" > {PROGRESS}; else',
        f"rm -f {PROGRESS}",
        *cleaning,
        "fi",
    ]


def _newest(forward: Sequence[str]) -> str:
    """Command that tells when the last of a task's own files changed: its killed attempt's end."""
    inputs = "".join(
        f" ! -path {shlex.quote('./' + name)} ! -path {shlex.quote(f'./{name}/*')}"
        for name in sorted(forward)
    )
    return (
        f"find . -type f ! -name '{TASK_HASH}*'{inputs} -printf '%T@\\n' 2>/dev/null"
        " | LC_ALL=C sort -n | tail -n 1"
    )


def _cleaning(forward: Sequence[str]) -> list[str]:
    """Lines that put the folder back to what it was before the first attempt.

    The first attempt, which is mostly the last one too, starts no process for it.  Its list of
    files ends with a line of its own: without it, it was killed before the command began.
    """
    kept = sorted({line for name in forward for line in kept_lines(name)})
    keep = f"cat {LOCK}"
    if kept:
        names = " ".join(shlex.quote(name) for name in kept)
        inputs = " ".join(shlex.quote(f"./{name}") for name in sorted(forward))
        keep += f"; printf '%s\\n' {names}; find {inputs} -print 2>/dev/null"
    everything = (
        f"find . -mindepth 1 ! -name '{TASK_HASH}*' ! -path ./{OUT} ! -path ./{ERR} -print"
        " | LC_ALL=C sort"
    )
    options = "dotglob nullglob globstar"
    return [
        f"if [ -s {LOCK} ] && grep -qxF ./. {LOCK}; then",
        f"  : > {OUT}; : > {ERR}",
        f"  {{ {keep}; }} | LC_ALL=C sort -u | LC_ALL=C comm -13 - <({everything})"
        " | tr '\\n' '\\0' | xargs -0 -r rm -rf -- || return 1",
        "else",
        f"  shopt -s {options}; printf './%s\\n' ** . > {LOCK}; shopt -u {options}",
        "fi",
    ]


def kept_lines(name: str) -> list[str]:
    """The lines of :data:`LOCK` that make a file one of those that were there before."""
    return [f"./{part}" for part in _with_parents(name)]


def _with_parents(name: str) -> list[str]:
    path = PurePosixPath(name)
    return [str(part) for part in (path, *path.parents) if str(part) != "."]


def job_commands(
    tasks: Sequence[tuple[str, str]],
    flag: str,
    para_deg: int = 1,
    gpus: int = 0,
    beside: tuple[str, Sequence[str]] = ("", ()),
) -> str:
    """Shell text that runs a job's tasks, `para_deg` at a time, with a GPU for each so many.

    In place of dpdispatcher's own, for two reasons: it starts three processes more for each task,
    and it numbers GPUs from 0, whichever of them the queue gave to this job.

    Parameters
    ----------
    tasks : sequence of (str, str)
        Folder below ``$REMOTE_ROOT``, and text of `task_command`.
    flag : str
        File below ``$REMOTE_ROOT`` that says whether a task failed.
    para_deg : int
        Tasks at the same time; on each of the GPUs, where `gpus` are shared out.
    gpus : int
        How many GPUs to share out; 0: each task sees all of them.
    beside : (str, sequence of str)
        The job's identity, and commands to start beside all tasks (:attr:`Task.beside`).
    """
    at_once = para_deg > 1 or gpus > 0
    failed = f'echo 1 > "$REMOTE_ROOT"/{shlex.quote(flag)}'
    lines = [line for command in beside[1] for line in _beside(beside[0], command)]
    for index, (folder, command) in enumerate(tasks):
        share = _gpu(index // para_deg % gpus) if gpus else []
        lines += [
            *["{"] * at_once,
            *share,
            f'if cd "$REMOTE_ROOT"/{shlex.quote(folder)}; then',
            f"{{ {command} }} </dev/null 1>>{OUT} 2>>{ERR} || {failed}",
            f"else {failed}; fi",
            *["} &"] * at_once,
        ]
        if at_once and (index + 1) % (para_deg * max(1, gpus)) == 0:
            lines.append("wait")
    return "\n".join([*lines, ""])


def _beside(job: str, command: str) -> list[str]:
    """Lines that start a command whose standard input is a pipe that all of the job hold open.

    It is no job of the shell's, so that no ``wait`` waits for it; the pipe is closed by the end of
    those that hold it, whatever ends them.  What it says is dropped: tasks can do without it.
    """
    return [
        f"export WTEMLP_JOB={job}",
        f"exec {{WTEMLP_BESIDE}}> >(exec 3<&0; {command} <&3 3<&- >/dev/null 2>&1 &)",
        "export WTEMLP_BESIDE",
    ]


def _gpu(index: int) -> list[str]:
    """Lines that leave one GPU of those that the queue gave, or of all if it named none."""
    return [
        "wtemlp_gpus=${CUDA_VISIBLE_DEVICES-}; wtemlp_gpus=(${wtemlp_gpus//,/ })",
        f"export CUDA_VISIBLE_DEVICES=${{wtemlp_gpus[{index}]-{index}}}",
    ]


def session_line() -> str:
    """Line that makes a Shell job the leader of its own session, under the same process id.

    So a Ctrl-C on the terminal of the calling program does not reach it, and `cancel` can end it
    with everything that it started.
    """
    return (
        'if [ -z "${WTEMLP_SESSION:-}" ] && command -v setsid >/dev/null; then'
        ' export WTEMLP_SESSION=1; exec setsid bash "$0"; fi; unset WTEMLP_SESSION'
    )


def path_line(folder: Path) -> str:
    """Line that puts a folder of programs first on the PATH."""
    return f'export PATH={shlex.quote(str(folder))}:"$PATH"'


def default_line(name: str, value: Path) -> str:
    """Line of a job script that sets an environment variable, unless it is set already."""
    return f'[ -n "${{{name}:-}}" ] || export {name}={shlex.quote(str(value))}'


def thread_variables(cpus: int, given: Mapping[str, object]) -> dict[str, object]:
    """Environment of a local job: as many threads as it has cores, unless the user says otherwise.

    Parameters
    ----------
    cpus : int
        Cores of the job.
    given : mapping
        The user's own variables; they win.
    """
    defaults: dict[str, object] = {
        "OMP_NUM_THREADS": cpus,
        "DP_INTRA_OP_PARALLELISM_THREADS": cpus,
        "DP_INTER_OP_PARALLELISM_THREADS": 1,
        "TF_CPP_MIN_LOG_LEVEL": 3,
    }
    return {**defaults, **given}


def probe_command(folders: Sequence[str], locks: bool = True) -> str:
    """Shell command that tells how each of the tasks stands, one line a task.

    A line is ``done|job and status|started|held|progress|folder``, read by
    `wtemlp.dispatch.task_status`.

    Parameters
    ----------
    folders : sequence of str
    locks : bool
        Whether to look at the locks, too, which starts processes for each task: is something
        running, and which job began last.
    """
    names = " ".join(shlex.quote(folder) for folder in folders)
    held = '[ ! -e "$d/LOCK" ] || { flock -n "$d/LOCK" true || h=held; s=$(tail -n 1 "$d/LOCK"); };'
    return (
        (
            f"for d in {names}; do h=; f=; e=; s=; p=; {held if locks else ''}"
            ' [ ! -f "$d/EXIT" ] || read -r e < "$d/EXIT";'
            ' [ ! -f "$d/DONE" ] || { f=done; read -r e < "$d/DONE"; };'
            ' [ ! -f "$d/PROGRESS" ] || read -r p < "$d/PROGRESS";'
            ' printf "%s|%s|%s|%s|%s|%s\\n" "$f" "$e" "$s" "$h" "$p" "$d"; done'
        )
        .replace("LOCK", LOCK)
        .replace("DONE", DONE)
        .replace("EXIT", EXIT)
        .replace("PROGRESS", PROGRESS)
    )
