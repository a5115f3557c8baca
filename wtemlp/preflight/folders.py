"""The folder that tasks run in: whether it can be made and written to, and the room there."""

import re
import shlex

from wtemlp.dispatch.remote_shell import Place
from wtemlp.preflight.findings import Findings

LITTLE_KB = 1024**2  #: 1 GiB: a run of some iterations fills more

_DF = re.compile(r"^space .*?(\d+)\s+(\d+)\s+(\d+)\s+\d+%", re.MULTILINE)
#: Text of a shell that writes nothing; ``test -w`` also knows of file systems that are read-only.
_QUESTION = """d={folder}; p=$d; n=0
while [ ! -e "$p" ] && [ "$p" != / ]; do p=$(dirname -- "$p"); n=$((n+1)); done
echo "missing $n"; echo "at $p"
[ ! -d "$p" ] || echo folder
if [ -w "$p" ] && [ -x "$p" ]; then echo writable; fi
echo "user $(id -un)"
echo "space $(df -Pk -- "$p" | tail -n 1)"
"""


def check_folder(place: Place, where: str, findings: Findings) -> None:
    """Ask for the folder of a place.

    Parameters
    ----------
    place : Place
        Connected.
    where : str
        File and key, for people.
    findings : Findings
        Takes what is found.
    """
    answer = place.ask(_QUESTION.format(folder=shlex.quote(place.folder)))
    said = {line.partition(" ")[0]: line.partition(" ")[2] for line in answer.out.splitlines()}
    if "missing" not in said or "at" not in said:
        why = answer.last_words or "no answer"
        findings.error(
            where, f"{place.host} does not tell about {place.folder}: {why}", "look there by hand"
        )
        return
    at, missing, user = said["at"], int(said["missing"]), said.get("user", "")
    if "folder" not in said:
        findings.error(
            where,
            f"{at} on {place.host} is not a folder",
            "name a folder that is there or can be made",
        )
    elif "writable" not in said:
        findings.error(
            where,
            f"{user} may not write to {at} on {place.host}",
            "name a folder of your own, or have it opened to you",
        )
    elif missing > 1 and not place.makes_parents:
        parent = place.folder.rstrip("/").rpartition("/")[0]
        findings.error(
            where,
            f"{parent} on {place.host} is not there",
            f'make it: mkdir -p {shlex.quote(parent)}; or write "create_remote_root": true',
        )
    else:
        _check_room(answer.out, f"{place.folder} on {place.host}", missing, where, findings)


def _check_room(out: str, name: str, missing: int, where: str, findings: Findings) -> None:
    there = "can be made" if missing else "can be written to"
    found = _DF.search(out)
    if found is None:
        findings.warning(
            where, f"{name} {there}; the free space is not told", "see that there is room"
        )
        return
    free_kb = int(found[3])
    free = f"{free_kb / 1024**2:.1f} GB"
    if free_kb < LITTLE_KB:
        findings.warning(where, f"{name} {there}, but only {free} are free", "make room")
    else:
        findings.ok(where, f"{name} {there}, {free} are free")
