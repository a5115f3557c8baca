"""Failures in plain words: what the engine said last, the likely cause, the remedy."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from wtemlp.dispatch import script
from wtemlp.dispatch.tasks import Task

TAIL_BYTES = 64_000  #: of each log that is looked at
LINES = 6  #: quoted at most

_NOISE = re.compile(
    r"^\s*$|^implib-gen:|oneDNN|cpu_feature_guard|computation_placer"
    r"|Unable to register cu|cuda_(?:fft|dnn|blas|executor|driver)|cudart_stub"
    r"|could not find cuda drivers|Could not find TensorRT|TF-TRT Warning"
    r"|rebuild TensorFlow with the appropriate|absl::InitializeLog"
    r"|gpu_device\.cc|NUMA node|tensorflow/core/platform|tensorflow/compiler/xla"
    r"|tensorflow/core/util/port\.cc|To get the best performance|non-resource variables"
    r"|disable_resource_variables|^WARNING:tensorflow|^nohup: |^I0000 00:00:"
    r"|^DeePMD-kit: (?:Cannot find|Error message:) lib(?:cuda|hip|roc)|lack of horovod"
    r"|^OMP_NUM_THREADS environment|^\s*using \d+ OpenMP thread|^Loaded \d+ plugins"
    r"|^\s*[\^~]+\s*$"
)


@dataclass(frozen=True)
class Cause:
    """A likely cause."""

    pattern: re.Pattern[str]  #: in what the engine or the queue said
    cause: str  #: may quote groups of the pattern, as re's templates do
    remedy: str


def _cause(pattern: str, cause: str, remedy: str) -> Cause:
    return Cause(re.compile(pattern, re.IGNORECASE), cause, remedy)


#: Exit statuses of what was ended from outside; None: nobody knows.
KILLED = (None, *script.ENDED_FROM_OUTSIDE)

#: The first that matches is named: the more telling come first.
CAUSES = (
    _cause(
        r"due to time limit|TIMELIMIT|walltime .*exceeded|TERM_RUNLIMIT",
        "the queue's time limit was reached",
        "ask for more time in custom_flags, or make the task shorter",
    ),
    _cause(
        r"out of memory|oom[-_ ]kill|std::bad_alloc|cannot allocate memory|MemoryError"
        r"|CUDA_ERROR_OUT_OF_MEMORY|ResourceExhausted|TERM_MEMLIMIT|memory limit",
        "not enough memory",
        "ask for more memory, run fewer tasks at once, or take a smaller system",
    ),
    _cause(
        r"(?:unknown|unrecognized) fix style .*plumed|fix style 'plumed'",
        "this LAMMPS has no fix plumed",
        "use `wtemlp lmp` as the command, or a LAMMPS with the PLUMED package",
    ),
    _cause(
        r"(?:unknown|unrecognized) pair style .*deepmd|pair style 'deepmd'",
        "this LAMMPS has no pair_style deepmd",
        "use `wtemlp lmp` as the command, or set LAMMPS_PLUGIN_PATH to DeePMD-kit's plugin",
    ),
    _cause(
        r"lost atoms|atoms? (?:was|were) lost|bond atoms .* missing|angle atoms .* missing"
        r"|out of range atoms|non-numeric (?:pressure|atom coords|box)|Bad global .*nan",
        "the simulation blew up (atoms moved too far in a step)",
        "a smaller timestep, better starting structures, or tighter trust levels",
    ),
    _cause(
        r"No module named|ModuleNotFoundError|ImportError",
        "a Python package is missing where the task ran",
        "install it there, or load the right environment with source_list",
    ),
    _cause(
        r"libcuda\S* .*cannot open|no CUDA-capable device|CUDA driver version|CUDA_ERROR_NO_DEVICE"
        r"|libcudart\S*: cannot open|no GPU .*(?:found|available)",
        "no usable GPU or CUDA where the task ran",
        "ask for a GPU (gpu_per_node, the right queue_name), or load the CUDA module",
    ),
    _cause(
        r"error while loading shared libraries|cannot open shared object file",
        "a shared library is missing where the task ran",
        "load the module that has it (module_list), or set LD_LIBRARY_PATH in envs",
    ),
    _cause(
        r"Unable to locate a modulefile|module: command not found|Lmod has detected",
        "an environment module is missing",
        "correct module_list in the machine file",
    ),
    _cause(
        r"command not found|No such file or directory: '?(?:lmp|dp)\b|exec format error",
        "a command was not found where the task ran",
        "give its full path as the command, or load it with module_list or source_list",
    ),
    _cause(
        r"not converged|convergence (?:NOT|not) achieved|SCF .*fail|EDDDAV|Electronic minimization",
        "the self-consistent field did not converge",
        "more SCF steps or softer mixing in fp_params",
    ),
    _cause(
        r"No space left on device|Disk quota exceeded",
        "the disk is full",
        "make room, or take another remote_root",
    ),
    _cause(
        r"wtemlp: (the engine (?:ended at step|has written no frame)[^\n]*)",
        r"\1",
        "look into its log for a time limit of its own, or a line that ends the script",
    ),
    _cause(
        r"wtemlp: the result .* was not made",
        "the engine ended well but left no result",
        "look into its log",
    ),
    _cause(
        r"CANCELLED|PREEMPTED|NODE FAILURE|NODE_FAIL",
        "the queue ended the job",
        "run again; if it repeats, ask the cluster's support",
    ),
)

_BY_STATUS = {
    126: ("the command may not be executed", "check its permissions"),
    127: (
        "a command was not found where the task ran",
        "give its full path as the command, or load it with module_list or source_list",
    ),
    134: ("the engine aborted", "look into its log"),
    137: (
        "the engine was killed, most often for want of memory or at the queue's time limit",
        "ask for more memory or more time, or run fewer tasks at once",
    ),
    139: ("the engine crashed (segmentation fault)", "check that its libraries fit together"),
    143: ("the engine was told to end, most often by the queue's time limit", "ask for more time"),
    None: (
        "the job vanished before it ended (killed, walltime, or its machine was restarted)",
        "run again; if it repeats, ask for more time and memory",
    ),
}

_TELLING = re.compile(
    r"error|fatal|exception|traceback|abort|killed|not found|cannot|can't|fail|missing|denied",
    re.IGNORECASE,
)


def meaningful(text: str, count: int = LINES) -> list[str]:
    """The last lines of a log that say something.

    From the first line that speaks of an error on, if one of the last `count` does; or from the
    last such line among the last forty; otherwise the last lines.  Of a Python traceback only
    its last line counts: what a program said before it may be why.

    Parameters
    ----------
    text : str
        A log, or its end.
    count : int
        Lines at most.
    """
    said = [line.rstrip() for line in text.splitlines() if not _NOISE.search(line)]
    lines = list(_without_frames(said))
    recent = lines[-max(40, count) :]
    telling = [index for index, line in enumerate(recent) if _TELLING.search(line)]
    if not telling:
        return recent[-count:]
    near = [index for index in telling if index >= len(recent) - count]
    first = near[0] if near else telling[-1]
    return recent[first : first + count]


def _without_frames(lines: Iterable[str]) -> Iterator[str]:
    """Lines, but those of Python tracebacks that are no exception's own."""
    inside = False
    for line in lines:
        inside = line == "Traceback (most recent call last):" or (inside and line.startswith(" "))
        if not inside:
            yield line


def likely_cause(text: str, status: int | None) -> tuple[str, str]:
    """Cause and remedy in plain words; empty when nothing is known."""
    for cause in CAUSES:
        if found := cause.pattern.search(text):
            return found.expand(cause.cause), cause.remedy
    return _BY_STATUS.get(status, ("", ""))


def describe(
    task: Task, attempts: int, status: int | None, job_output: str = "", place: str = ""
) -> str:
    """A failed task in words: the first line is a summary, the others quote.

    Parameters
    ----------
    task : Task
        The task; its logs are read from its folder.
    attempts : int
        How often it was tried.
    status : int or None
        Exit status of the last attempt; None: it ended without a word.
    job_output : str
        What the job script or the queue said.
    place : str
        Queue, host and job id, where there are any.
    """
    logs = {name: read_tail(task.folder / name) for name in _log_names(task)}
    ended = "killed" if status is None else f"exit status {status}"
    times = "1 attempt" if attempts == 1 else f"{attempts} attempts"
    everything = "\n".join("\n".join(meaningful(text, 40)) for text in (*logs.values(), job_output))
    cause, remedy = likely_cause(everything, status)
    summary = f"{task.name} failed ({', '.join(filter(None, (ended, times, place)))})"
    if cause:
        summary += f": {cause}; {remedy}"
    quoted = _quote({**logs, "job": job_output})
    return "\n".join([summary, *quoted])


def _log_names(task: Task) -> list[str]:
    """Files to quote from, the most telling first."""
    return list(dict.fromkeys((script.ERR, *task.logs, script.OUT)))


def _quote(logs: dict[str, str]) -> list[str]:
    """At most `LINES` lines in all: those of the first logs that speak of an error, or any."""
    lines = {name: meaningful(text) for name, text in logs.items()}
    spoken = {n: some for n, some in lines.items() if any(_TELLING.search(x) for x in some)}
    quoted: list[str] = []
    for name, some in (spoken or lines).items():
        quoted += [f"  {name}: {line.strip()[:300]}" for line in some]
    return list(dict.fromkeys(quoted))[: LINES + 2]


def read_tail(path: Path) -> str:
    """The end of a file; "" if there is none."""
    if not path.is_file():
        return ""
    with path.open("rb") as stream:
        size = stream.seek(0, 2)
        stream.seek(max(0, size - TAIL_BYTES))
        return stream.read().decode(errors="replace")
