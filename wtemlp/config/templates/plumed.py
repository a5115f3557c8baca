"""The user's own PLUMED lines in a ``wte`` block."""

import re
from pathlib import Path

from wtemlp.config.records import OPES, Extra, ExtraVariable
from wtemlp.config.schema.section import Section
from wtemlp.core import paths
from wtemlp.core.errors import NotRunnable

BOTH, VARIABLES = "both", "variables"  #: what is biased
MAX_GRID = 10_000  #: points of one variable's grid

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
    variables = tuple(_read_variable(one, lines) for one in block.sections("variables"))
    names = [variable.name for variable in variables]
    for index, section in enumerate(block.sections("variables")):
        if names[index] in names[:index]:
            raise section.wrong("name", "is given twice, remove one")
    if block["bias"] not in (BOTH, VARIABLES):
        raise block.wrong("bias", f'must be "{BOTH}" or "{VARIABLES}"')
    energy = block["bias"] == BOTH
    if not energy and not variables:
        raise block.wrong("bias", "there are no variables to bias: give some in variables")
    if not energy and isinstance(block["biasfactor"], dict):
        raise block.wrong("bias", "window_K is a window of the energy, which is not biased then")
    if variables and block["method"] == OPES:
        raise block.wrong("variables", f'"{OPES}" biases the energy alone: remove them')
    return Extra(lines, variables, energy)


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


def _read_variable(section: Section, lines: str) -> ExtraVariable:
    name = section["name"]
    label = name.split(".")[0]
    if not _NAME.fullmatch(name):
        raise section.wrong("name", 'must be a PLUMED label, as "d" or "c.x"')
    if not re.search(rf"^\s*{re.escape(label)}\s*:|\bLABEL={re.escape(label)}\b", lines, re.M):
        raise section.wrong("name", f'no line of plumed defines it: add "{label}: ..."')
    sigma = section.number("sigma")
    ends = []
    for key, periodic in (("min", "-pi"), ("max", "pi")):
        value = section[key]
        if isinstance(value, str) and value != periodic:
            raise section.wrong(key, f'must be a number or "{periodic}"')
        ends.append(value if isinstance(value, str) else float(value))
    numbers = [-3.15 if end == "-pi" else 3.15 if end == "pi" else end for end in ends]
    if not numbers[0] < numbers[1]:
        raise section.wrong("max", f"must be above min ({ends[0]})")
    if (numbers[1] - numbers[0]) / sigma > MAX_GRID:
        raise section.wrong("sigma", f"must be above (max - min) / {MAX_GRID}")
    return ExtraVariable(name, sigma, *ends)
