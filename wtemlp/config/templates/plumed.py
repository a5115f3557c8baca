"""The user's own PLUMED lines in a ``wte`` block."""

import re
from pathlib import Path

from wtemlp.config.keys.wte import Extra, ExtraVariable, Method
from wtemlp.config.schema.own_keys import read
from wtemlp.config.schema.section import Section
from wtemlp.core import paths
from wtemlp.core.errors import NotRunnable

MAX_GRID = 10_000  #: points of one variable's grid
_PI = {"-pi": -3.15, "pi": 3.15}

#: What the generated input says itself, or must not be said twice.
_OWN = re.compile(
    r"^\s*(?:\S+:\s*)?(UNITS|RESTART|FLUSH|ENDPLUMED)\b|^\s*(ene|metad|opes|ecv)\s*:"
    r"|\bLABEL=(ene|metad|opes|ecv)\b",
    re.M,
)
#: Biases with a memory: a walker that goes on, or begins anew, would not have theirs.
_GROWING = re.compile(r"^\s*(?:\S+:\s*)?(METAD|PBMETAD|OPES_\w+)\b", re.M)
#: Files of the generated input; METAD's own default is among them.
_FILES = "|".join((paths.COLVAR_WTE, paths.COLVAR_NVT, paths.HILLS, paths.DELTAFS))
_FILE = re.compile(rf"\bFILE=({_FILES})\s")
_NAME = re.compile(r"[A-Za-z_@][\w@.-]*")


def read_extra(block: Section, root: Path) -> Extra:
    """The record of ``plumed``, ``variables`` and ``bias``.

    Parameters
    ----------
    block : Section
        A ``wte`` block.
    root : Path
        The run's folder.

    Raises
    ------
    InputError
        At the first mistake that can be seen without PLUMED.
    """
    lines = _read_lines(block, root)
    if found := _OWN.search(lines):
        line = found[0].strip()
        raise block.wrong("plumed", f'"{line}" is in the generated input already: remove it')
    if found := _GROWING.search(lines):
        remedy = f"{found[1]} is in the generated input: define its variable here, and name it in"
        raise block.wrong("plumed", f"{remedy} variables")
    if found := _FILE.search(lines):
        raise block.wrong("plumed", f"{found[1]} is a file of the generated input: rename yours")
    extra = read(Extra, block, lines=lines)
    for index, section in enumerate(block.sections("variables")):
        variable, before = extra.variables[index], extra.variables[:index]
        _check_variable(section, variable, lines)
        if variable.name in [one.name for one in before]:
            raise section.wrong("name", "is given twice, remove one")
    if not extra.energy and not extra.variables:
        raise block.wrong("bias", "there are no variables to bias: give some in variables")
    if not extra.energy and isinstance(block["biasfactor"], dict):
        raise block.wrong("bias", "window_K is a window of the energy, which is not biased then")
    if extra.variables and block["method"] == Method.OPES:
        raise block.wrong("variables", f'"{Method.OPES}" biases the energy alone: remove them')
    return extra


def _read_lines(block: Section, root: Path) -> str:
    given = block["plumed"]
    if isinstance(given, list):
        return "".join(f"{line}\n" for line in given)
    if not given:
        return ""
    try:
        text = (root / given).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        remedy = "must be the path of a text file, or a list of PLUMED lines"
        raise NotRunnable.of(block.wrong("plumed", remedy)) from None
    return text if text.endswith("\n") else f"{text}\n"


def _check_variable(section: Section, variable: ExtraVariable, lines: str) -> None:
    label = variable.name.split(".")[0]
    if not _NAME.fullmatch(variable.name):
        raise section.wrong("name", 'must be a PLUMED label, as "d" or "c.x"')
    if not re.search(rf"^\s*{re.escape(label)}\s*:|\bLABEL={re.escape(label)}\b", lines, re.M):
        raise section.wrong("name", f'no line of plumed defines it: add "{label}: ..."')
    ends = (variable.minimum, variable.maximum)
    low, high = (_PI.get(end, 0.0) if isinstance(end, str) else end for end in ends)
    if not low < high:
        raise section.wrong("max", f"must be above min ({variable.minimum})")
    if (high - low) / variable.sigma > MAX_GRID:
        raise section.wrong("sigma", f"must be above (max - min) / {MAX_GRID}")
