"""The command of a section: whether it is found where the tasks run, its version, its PLUMED."""

import re
import shlex
from dataclasses import dataclass
from pathlib import PurePosixPath

from wtemlp.config.machine.shell_command import LAUNCHERS, program_words
from wtemlp.dispatch.failures import meaningful
from wtemlp.dispatch.remote_shell import Answer, Place, find_program
from wtemlp.preflight.findings import Findings

ENGINE_S = 100  #: seconds that an engine may take to tell its version, from a cold disk
TOOLS = ("flock", "find", "comm", "xargs", "tail", "sort")  #: of the job scripts
_LOAD = "load it with module_list, source_list or prepend_script, or give its full path"

_VERSIONS = {
    "dp": re.compile(r"DeePMD-kit v?(\d\S*)"),
    "lammps": re.compile(
        r"Massively Parallel Simulator - (.+)|LAMMPS \((\d[^)]*)\)|LAMMPS version: (.+)"
    ),
}


@dataclass(frozen=True)
class Engine:
    """What a command runs."""

    kind: str  #: "dp", "lammps" or "": not known
    words: tuple[str, ...]  #: the program, with `wtemlp` before it where it is ours

    @property
    def ours(self) -> bool:
        """Whether it is a front end of wtemlp's."""
        return len(self.words) == 2


def engine_of(command: str) -> Engine:
    """The engine of a command, behind a launcher or not."""
    words = program_words(command)
    behind = bool(words) and PurePosixPath(words[0]).name in LAUNCHERS
    for index, word in enumerate(words if behind else words[:1]):
        name = PurePosixPath(word).name
        if name == "wtemlp" and words[index + 1 : index + 2] in (["dp"], ["lmp"]):
            kind = "dp" if words[index + 1] == "dp" else "lammps"
            return Engine(kind, (word, words[index + 1]))
        if name == "dp":
            return Engine("dp", (word,))
        if re.match(r"(lmp|lammps)([._-]|$)", name):
            return Engine("lammps", (word,))
    return Engine("", ())


def check_engine(place: Place, where: str, deepmd_version: str, findings: Findings) -> None:
    """Ask for a section's command in its job's environment.

    Parameters
    ----------
    place : Place
        Connected.
    where : str
        File and key, for people.
    deepmd_version : str
        As the machine file says.
    findings : Findings
        Takes what is found.
    """
    command = place.section.command
    word, engine = next(iter(program_words(command)), ""), engine_of(command)
    wanted = list(dict.fromkeys([word, *engine.words[:1]]))
    tools = " ".join(TOOLS)
    answer = place.ask_in_job(
        "".join(
            f"{find_program(one)} && echo found {number} || echo missing {number}\n"
            for number, one in enumerate(wanted)
        )
        + f"for t in {tools}; do command -v $t >/dev/null || echo tool $t; done"
    )
    if answer.status is None:
        findings.error(
            where,
            f"the job's environment ends or hangs before the command: "
            f"{answer.last_words or 'nothing is said'}",
            "correct module_list, source_list or prepend_script",
        )
        return
    lines = answer.out.splitlines()
    for number, one in enumerate(wanted):
        if f"missing {number}" in lines:
            before = _complaint(answer.before)
            findings.error(where, f"{one} is not found on {place.host}{before}", _LOAD)
    lacking = [line.removeprefix("tool ") for line in lines if line.startswith("tool ")]
    if lacking and "PATH" in place.resources.envs:
        findings.error(
            where.removesuffix("command") + "resources.envs",
            f"the value of PATH has no folder with {', '.join(lacking)}, which the job "
            "scripts need",
            "put the folders before those that there are, in "
            'prepend_script, as "export PATH=/my/bin:$PATH"',
        )
    elif lacking:
        findings.error(
            where,
            f"{', '.join(lacking)} not found on {place.host}",
            "the job scripts need it: install util-linux, findutils and coreutils",
        )
    if not any(line.startswith("missing") for line in lines):
        _check_version(place, engine, word, where, deepmd_version, findings)


def _complaint(before: str) -> str:
    lines = meaningful(before, 1)
    return f" (the environment's script said: {lines[-1].strip()})" if lines else ""


def _check_version(
    place: Place, engine: Engine, word: str, where: str, deepmd_version: str, findings: Findings
) -> None:
    if not engine.kind:
        findings.ok(where, f"{word} is found on {place.host}; its version is not asked")
        return
    answer = place.ask_in_job(_question(engine))
    text = answer.out + "\n" + answer.err
    match = _VERSIONS[engine.kind].search(text)
    name = " ".join(engine.words)
    if match is None:
        said = (meaningful(answer.err, 1) or meaningful(answer.out, 1) or ["nothing"])[-1].strip()
        status = "no end" if answer.status in (None, 124, 137) else f"status {answer.status}"
        findings.warning(
            where,
            f"{name} on {place.host} does not tell its version ({status}): {said}",
            "try it in a job: wtemlp check PARAM MACHINE --submit",
        )
        return
    version = next(filter(None, match.groups())).strip()
    if engine.kind == "dp":
        _check_deepmd(name, version, place.host, where, deepmd_version, findings)
    else:
        _check_lammps(place, name, version, answer, where, findings)


def _question(engine: Engine) -> str:
    words = " ".join(
        word if "$" in word or word.startswith("~") else shlex.quote(word) for word in engine.words
    )
    program = f"timeout -k 5 {ENGINE_S} {words}"
    if engine.kind == "dp":
        return f"{program} --version"
    if engine.ours:  # its fix plumed is registered when it starts on a script
        script = "info styles fix\\ninfo styles pair\\n"
        return f"printf '{script}' | {program} -in /dev/stdin -log none"
    return f"{program} -log none -h"


def _check_deepmd(
    name: str, version: str, host: str, where: str, given: str, findings: Findings
) -> None:
    if version.partition(".")[0] != given.partition(".")[0]:
        findings.warning(
            where,
            f"{name} on {host} is DeePMD-kit {version}, deepmd_version is {given}",
            f'write "deepmd_version": "{version}"',
        )
    else:
        findings.ok(where, f"{name} on {host} is DeePMD-kit {version}")


def _check_lammps(
    place: Place, name: str, version: str, answer: Answer, where: str, findings: Findings
) -> None:
    if place.section.stage != "model_devi":
        findings.ok(where, f"{name} on {place.host} is LAMMPS {version}")
        return
    has_plumed, has_deepmd = (
        re.search(rf"(^|\s){style}(\s|$)", answer.out) for style in ("plumed", "deepmd")
    )
    if not has_plumed:
        findings.error(
            where,
            f"{name} on {place.host} (LAMMPS {version}) has no fix plumed",
            "use `wtemlp lmp` as the command, or a LAMMPS with the PLUMED package",
        )
    if not has_deepmd:
        findings.error(
            where,
            f"{name} on {place.host} (LAMMPS {version}) has no pair_style deepmd",
            "use `wtemlp lmp`, or set LAMMPS_PLUGIN_PATH to DeePMD-kit's plugin",
        )
    if has_plumed and has_deepmd:
        findings.ok(
            where,
            f"{name} on {place.host} is LAMMPS {version}, with fix plumed and pair_style deepmd",
        )
