"""The user's own PLUMED lines in a ``wte`` block."""

import posixpath
import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path, PurePosixPath

from wtemlp.config.records import OPES, Extra, ExtraVariable
from wtemlp.config.schema.section import Section
from wtemlp.config.templates.includes import expanded, origin
from wtemlp.config.templates.plumed_output import written_files
from wtemlp.config.templates.plumed_text import WHOLE, Action, actions
from wtemlp.core import paths
from wtemlp.core.errors import InputError, NotRunnable

BOTH, VARIABLES = "both", "variables"  #: what is biased
MAX_GRID = 10_000  #: points of one variable's grid

#: What the generated input says itself, or must not be said twice.
_OWN_ACTIONS = ("UNITS", "RESTART", "FLUSH", "ENDPLUMED")
_OWN_LABELS = ("ene", "metad", "opes", "ecv")
#: Biases with a memory: a walker that goes on, or begins anew, would not have theirs.
_GROWING = re.compile(r"METAD|PBMETAD|OPES_\w+|DRR|EDS|MAXENT|LOGMFD|VES_\w+|EXTENDED_LAGRANGIAN")
_ANOTHER = "PLUMED"  #: the action that runs an input of its own
#: Files of the generated walkers; METAD's own default is among them.
_FILES = (
    paths.COLVAR_WTE,
    paths.COLVAR_NVT,
    paths.HILLS,
    paths.DELTAFS,
    paths.CONF,
    paths.LMP_INPUT,
    paths.LMP_LOG,
    paths.JOB,
    paths.MODEL_DEVI,
    paths.ALL_FRAMES,
    paths.SIGMA,
    paths.STOPPED,
    paths.CHECKPOINT,
    paths.PROGRESS,
    "plumed.*",
    "extra.plumed",
    "*.awk",
    "guard.lmp",
    "*.hills",
)
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
    lines = read_lines(block["plumed"], root, partial(block.wrong, "plumed"))
    for one in actions(lines):
        _check_action(one, lines, partial(block.wrong, "plumed"))
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


def read_lines(given: str | Sequence[str], root: Path, wrong: Callable[[str], InputError]) -> str:
    """The text of ``plumed``, with the files that it includes in it.

    Parameters
    ----------
    given : str or sequence of str
        The value of the key: a path, or lines.
    root : Path
        The run's folder.
    wrong : callable
        Makes the key's error from what is wrong.

    Raises
    ------
    InputError
        NotRunnable, if a file cannot be read.
    """
    missing = _not_runnable(wrong)
    if not isinstance(given, str):
        text = "".join(f"{line}\n" for line in given)
    elif not given:
        return ""
    else:
        try:
            text = (root / given).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            remedy = "must be the path of a text file, or a list of PLUMED lines"
            raise missing(remedy) from None
    text = expanded(text, root, WHOLE, missing)
    return text if text.endswith("\n") else f"{text}\n"


def _not_runnable(wrong: Callable[[str], InputError]) -> Callable[[str], InputError]:
    return lambda remedy: NotRunnable.of(wrong(remedy))


def _check_action(one: Action, lines: str, wrong: Callable[[str], InputError]) -> None:
    """Refuse what the generated input has already, and what it cannot go on with."""
    name, number = origin(lines, one.first)
    where = f"{name}, line {number}: " if name else ""
    if not one.closed:
        raise wrong(f'{where}{one.name} goes on by ... and has no end: add a line "..."')
    said = ""
    if one.name in _OWN_ACTIONS:
        said = one.name
    elif one.label in _OWN_LABELS:
        said = f"LABEL={one.label}" if "LABEL" in one.keywords else f"{one.label}:"
    if said:
        raise wrong(f'{where}"{said}" is in the generated input already: remove it')
    if _GROWING.fullmatch(one.name):
        known = re.fullmatch("METAD|PBMETAD|OPES_.*", one.name)
        why = "is in the generated input" if known else "has a memory, which is lost on the way"
        remedy = "define its variable here, and name it in variables"
        raise wrong(f"{where}{one.name} {why}: {remedy}")
    if one.name == _ANOTHER:
        raise wrong(
            f"{where}PLUMED runs another input, in which nothing can be looked at: "
            "write its lines here"
        )
    for file in written_files([one]):
        path = PurePosixPath(posixpath.normpath(file))
        if any(path.match(pattern) for pattern in _FILES):
            raise wrong(f"{where}{path.name} is a file of the generated input: rename yours")


def _read_variable(section: Section, lines: str) -> ExtraVariable:
    name = section["name"]
    label = name.split(".")[0]
    if not _NAME.fullmatch(name):
        raise section.wrong("name", 'must be a PLUMED label, as "d" or "c.x"')
    if label not in [one.label for one in actions(lines)]:
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
