"""The user's own PLUMED lines in a ``wte`` block."""

import posixpath
import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path, PurePosixPath

from wtemlp.config.keys.wte import Extra, ExtraVariable, Method
from wtemlp.config.schema.own_keys import read
from wtemlp.config.schema.section import Section
from wtemlp.config.templates.includes import expanded, origin
from wtemlp.config.templates.plumed_output import written_files
from wtemlp.config.templates.plumed_text import WHOLE, Action, actions
from wtemlp.core import paths
from wtemlp.core.errors import InputError, NotRunnable

MAX_GRID = 10_000  #: points of one variable's grid
_PI = {"-pi": -3.15, "pi": 3.15}

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
            text = (root / given).read_text(encoding="utf-8-sig")
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


def _check_variable(section: Section, variable: ExtraVariable, lines: str) -> None:
    label = variable.name.split(".")[0]
    if not _NAME.fullmatch(variable.name):
        raise section.wrong("name", 'must be a PLUMED label, as "d" or "c.x"')
    if label not in [one.label for one in actions(lines)]:
        raise section.wrong("name", f'no line of plumed defines it: add "{label}: ..."')
    ends = (variable.minimum, variable.maximum)
    low, high = (_PI.get(end, 0.0) if isinstance(end, str) else end for end in ends)
    if not low < high:
        raise section.wrong("max", f"must be above min ({variable.minimum})")
    if (high - low) / variable.sigma > MAX_GRID:
        raise section.wrong("sigma", f"must be above (max - min) / {MAX_GRID}")
