"""What a machine file says to the queue in its own words: its name, and options in comments."""

import re
from collections.abc import Iterator

from wtemlp.config.schema.section import Section
from wtemlp.core.errors import InputError

#: What the lines of a batch system's options begin with.
_MARKS = {
    "slurm": "#SBATCH",
    "slurmjobarray": "#SBATCH",
    "pbs": "#PBS",
    "torque": "#PBS",
    "lsf": "#BSUB",
    "sge": "#$",
    "fugaku": "#PJM",
    "jh_unischeduler": "#JSUB",
}
#: Options that make several jobs of one, each of which would do all of its tasks.
_ARRAY = re.compile(r"(#SBATCH\s+(-a\b|--array)|#(PBS|\$)\s+-[tJ]\s*\d|#BSUB\s+-J\s*\S+\[)")


def refuse_flags(resources: Section) -> None:
    """Refuse what the queue would not take, or take for something else.

    Raises
    ------
    InputError
        With the key and the remedy.
    """
    queue = resources.get("queue_name") or ""
    if len(queue.split()) > 1 or queue.startswith("-"):
        raise resources.wrong("queue_name", "must be the name alone; options are custom_flags")
    mark = _mark(resources)
    lines = list(_lines(resources))
    last = max(
        (n for n, (_, line) in enumerate(lines) if mark and line.startswith(mark)), default=0
    )
    for place, (index, line) in enumerate(lines):
        if line.startswith("-") or (mark and line.upper().startswith(f"{mark[1:]} ")):
            remedy = f'is no option of the queue: begin it with "{mark or "#"}"'
            raise resources.wrong("custom_flags", remedy, index)
        if line and not line.startswith("#") and place < last:
            remedy = "is a command, behind which no queue reads options: move it to prepend_script"
            raise resources.wrong("custom_flags", remedy, index)
        if _ARRAY.match(line):
            remedy = "makes several jobs of one, which would all do the same tasks: remove it"
            raise resources.wrong("custom_flags", remedy, index)


def idle_flags(resources: Section) -> Iterator[InputError]:
    """Options that nobody reads: of another queue than that which gets them, in small letters."""
    mark = _mark(resources)
    for index, line in _lines(resources):
        others = [other for other in _MARKS.values() if line.upper().startswith(f"{other} ")]
        if mark and others and not line.startswith(mark):
            remedy = f'has no effect: options of this queue begin with "{mark}"'
            yield resources.wrong("custom_flags", remedy, index)


def _mark(resources: Section) -> str:
    return _MARKS.get(str(resources.get("batch_type", "")).lower(), "")


def _lines(resources: Section) -> Iterator[tuple[int, str]]:
    for index, flag in enumerate(resources.get("custom_flags") or ()):
        for line in flag.splitlines():
            yield index, line.strip()
