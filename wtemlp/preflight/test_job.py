"""A tiny job through the queue of each section: which host runs it, and whether it sees a GPU."""

import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from wtemlp.config.keys.machine import Waiting
from wtemlp.config.records import MachineSection
from wtemlp.config.schema.own_keys import read
from wtemlp.config.schema.section import Section
from wtemlp.core.errors import WtemlpError
from wtemlp.core.formatting import duration
from wtemlp.dispatch.cancel import discard_stage
from wtemlp.dispatch.dispatcher import Stopped, run_tasks
from wtemlp.dispatch.remote_shell import Place
from wtemlp.dispatch.tasks import Task, TaskResult
from wtemlp.preflight.findings import Findings

PATIENCE_S = 600.0  #: how long a probe may wait in the queue and run, seconds
OUTAGE_S = 60.0
PREFIX = "wtemlp-check."  #: of the folder that it is in
RESULT = "probe.txt"

#: What the job does; the place and the GPUs are the last words of each line.
COMMAND = (
    "{ echo host $(hostname); command -v nvidia-smi >/dev/null && nvidia-smi -L"
    " | sed -e 's/ (UUID.*//' -e 's/^/gpu /';"
    f" echo visible ${{CUDA_VISIBLE_DEVICES-}}; }} > {RESULT}"
)


def check_by_jobs(
    file: str,
    groups: Sequence[Sequence[Place]],
    root: Path,
    findings: Findings,
    patience_s: float = PATIENCE_S,
) -> None:
    """Send a job to each place, one after the other.

    Parameters
    ----------
    file : str
        Name of the machine file.
    groups : sequence of sequence of Place
        Places of a group are served by one queue, with the same request.
    root : Path
        The run's folder: in it a folder is made, and removed when all is done.
    findings : Findings
        Takes what is found.
    patience_s : float
        How long each may take, seconds.
    """
    base = root
    while not base.is_dir():
        base = base.parent
    # In the run's folder: a compute node of the head node's queue must see it, as it does a run.
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=base))
    try:
        for places in groups:
            where = f"{file}: " + ", ".join(place.section.stage for place in places)
            _probe(places[0], where, folder / places[0].section.stage, root, findings, patience_s)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _probe(
    place: Place, where: str, work_dir: Path, root: Path, findings: Findings, patience_s: float
) -> None:
    section, begin = _for_probe(place.section), time.monotonic()
    task = Task("probe", work_dir / "probe", COMMAND, (), (RESULT,))
    task.folder.mkdir(parents=True)
    ok = False
    try:
        (result,) = run_tasks(
            [task],
            work_dir=work_dir,
            common_files=(),
            section=section,
            root=root,
            should_stop=lambda: time.monotonic() - begin > patience_s,
        )
        ok = result.ok
        _tell(place, where, task, result, time.monotonic() - begin, findings)
    except Stopped:
        findings.warning(
            where,
            f"the probe job has not ended within {duration(patience_s)} and is cancelled",
            "the queue may be full: try again later, or take another",
        )
    except WtemlpError as error:
        findings.refused(error, where)
    finally:
        if not ok:  # what has gone well is cleaned up
            _discard(place, where, work_dir, section, root, findings)


def _discard(
    place: Place,
    where: str,
    work_dir: Path,
    section: MachineSection,
    root: Path,
    findings: Findings,
) -> None:
    try:
        discard_stage(work_dir, section, root)
    except WtemlpError as error:
        findings.warning(
            where,
            f"the probe job may have left a folder behind: {error}",
            f"look into {place.folder} on {place.host}",
        )


def _for_probe(section: MachineSection) -> MachineSection:
    """The section with one attempt, and little patience."""
    ours = {"retry_count": 0, "outage_seconds": OUTAGE_S}
    asked = read(Waiting, Section(section.stage, section.machine)).poll_s
    poll = {"poll_seconds": min(asked or 2.0, 2.0)}
    return replace(section, machine={**section.machine, **ours, **poll})


def _tell(
    place: Place, where: str, task: Task, result: TaskResult, seconds: float, findings: Findings
) -> None:
    if not result.ok:
        findings.error(
            where,
            f"the probe job failed: {result.message}",
            "see what it says; the run's jobs would fail alike",
        )
        return
    pairs = [line.partition(" ") for line in (task.folder / RESULT).read_text().splitlines()]
    host = next((words for kind, _, words in pairs if kind == "host"), "a host without a name")
    gpus = [words for kind, _, words in pairs if kind == "gpu"]
    visible = next((words for kind, _, words in pairs if kind == "visible"), "")
    ran = f"the probe job ran on {host} after {duration(seconds)}"
    wanted = place.resources.gpu_per_node
    seen = "; ".join(gpus) or "nvidia-smi shows none"
    if visible:
        seen += f" (CUDA_VISIBLE_DEVICES={visible})"
    if wanted and not gpus:
        findings.warning(
            where,
            f"{ran}, but sees no GPU, {wanted} asked for: {seen}",
            "see queue_name and gpu_per_node; nvidia-smi must be on the node's PATH",
        )
    else:
        findings.ok(where, f"{ran}" + (f", GPUs: {seen}" if wanted or gpus else ""))
