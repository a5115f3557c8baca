"""What a LAMMPS script of the user's own must not say, so that its numbers are what they seem."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from wtemlp.config.elements import MASS_TOLERANCE
from wtemlp.config.keys.declare import TIMESTEP_PS
from wtemlp.config.templates.includes import is_expanded, place
from wtemlp.config.templates.text import Command, lammps_commands, made_by
from wtemlp.core import paths
from wtemlp.core.errors import InputError

_SELF = ("SELF", paths.LMP_INPUT)
_OFF = ("off", "no", "false")
_STYLE = "deepmd"
#: A line that must be there, the commands that are one, and why.
_NEEDED = (
    ("units metal", ("units",), "LAMMPS takes units lj otherwise"),
    ("run", ("run", "minimize"), "nothing would be explored otherwise"),
)
_FILLED_IN = (("pair_style", "deepmd"), ("dump", "dpgen_dump"), ("fix", "dpgen_plm"))


def check_lammps(
    text: str,
    type_map: Sequence[str],
    mass_map: Sequence[float],
    periodic: bool,
    wrong: Callable[[str], InputError],
) -> None:
    """Refuse what would run, and give numbers that are not what they are taken for.

    Parameters
    ----------
    text : str
        The script, its words replaced, its included files in it.
    type_map : sequence of str
        Elements, by LAMMPS's types.
    mass_map : sequence of float
        Their masses, g/mol.
    periodic : bool
        Whether the frames are labelled as periodic ones.
    wrong : callable
        Makes the error from what is wrong.

    Raises
    ------
    InputError
    """
    commands = lammps_commands(text)
    every = [(one, words) for one in commands for words in (list(one.words), *one.nested)]

    def at(one: Command, why: str) -> InputError:
        return wrong(f"{place(text, one.first)}: {why}")

    for needed, names, why in _NEEDED:
        if not any(words[0] in names for _, words in every):
            raise wrong(f'has no line "{needed}": add it, {why}')
    if not any(paths.CONF in one.text for one in commands):
        raise wrong(f'has no line "read_data {paths.CONF}": add it, a walker\'s structure is there')
    if not periodic and not any(words[0] == "boundary" for _, words in every):
        raise wrong('has no line "boundary f f f": add it, with model_devi_nopbc there is no cell')
    variables = _variables(every)
    explored = False
    for one, words in every:
        explored |= words[0] in _NEEDED[1][1]
        if explored and words[0] == "reset_timestep":
            raise at(one, "reset_timestep: remove it, frames of the same step replace each other")
        here = partial(at, one)
        _check_command(words, type_map, here)
        _check_box(words, periodic, variables, here)
        _check_files(text, words, nested=words != list(one.words), wrong=here)
        if one.end > one.first + 1 and tuple(words[:2]) in _FILLED_IN:
            raise at(one, f'"{" ".join(words[:2])}" goes on by &: write it on one line')
    _check_masses(every, type_map, mass_map, variables, at)
    labels = [words[1] for _, words in every if words[0] == "label" and len(words) > 1]
    twice = next((name for name in labels if labels.count(name) > 1), None)
    if twice is not None and is_expanded(text):
        raise wrong(f"the label {twice} is there twice, with the included files: rename one")


def _check_command(
    words: Sequence[str], type_map: Sequence[str], wrong: Callable[[str], InputError]
) -> None:
    name, given = words[0], list(words[1:])
    if name == "units" and given[:1] != ["metal"]:
        raise wrong(
            f"units {' '.join(given)}: write units metal. Energies and model_devi.out would be in "
            "other units, and are read in eV and eV/Angstrom"
        )
    if name == "newton" and given and given[0] in _OFF:
        raise wrong(
            f"newton {' '.join(given)}: remove it. DeePMD-kit's forces and deviations are "
            "wrong without Newton's third law for pairs"
        )
    if name == "package" and _newton_off(given):
        raise wrong(
            f"package {given[0]}: add newton on. DeePMD-kit's forces and deviations are "
            "wrong without Newton's third law for pairs"
        )
    if name == "pair_style" and given[:1] != [_STYLE]:
        raise wrong(
            f"pair_style {' '.join(given[:1])}: the models must be all of the energy, as "
            "their labels are: remove it"
        )
    if name == "pair_coeff" and given:
        elements = given[2:]
        if given[:2] != ["*", "*"]:
            raise wrong(
                'write "pair_coeff * *": the models have all pairs, and the elements are filled in'
            )
        if "NULL" in elements:
            raise wrong(
                "NULL atoms have no forces of the models: remove NULL, the elements are filled in"
            )
        if elements and elements != list(type_map):
            raise wrong(
                f"pair_coeff * * {' '.join(elements)}: the types are those of type_map "
                f"({' '.join(type_map)}): write them so, or none"
            )


def _check_box(
    words: Sequence[str],
    periodic: bool,
    variables: Mapping[str, str],
    wrong: Callable[[str], InputError],
) -> None:
    """What the frames are, and what is between them."""
    name, given = words[0], list(words[1:])
    if name == "clear":
        raise wrong("clear: remove it, the models, the dump and the bias would be gone")
    if name == "dimension" and given[:1] != ["3"]:
        raise wrong(f"dimension {' '.join(given)}: remove it, models and labels have three")
    if name == "atom_style" and given != ["atomic"]:
        raise wrong(
            f"atom_style {' '.join(given)}: write atomic, {paths.CONF} has no charges, bonds or "
            "molecules"
        )
    if name == "boundary" and periodic and given[:3] != ["p"] * 3:
        raise wrong(
            f"boundary {' '.join(given)}: write p p p, the frames are labelled as periodic "
            "(for a cluster: model_devi_nopbc)"
        )
    if name == "boundary" and not periodic and any("p" in word for word in given):
        raise wrong(
            f"boundary {' '.join(given)}: write f f f, with model_devi_nopbc there is no cell"
        )
    value = _number(given[0], variables) if name == "timestep" and given else None
    if value is not None and (remedy := TIMESTEP_PS.remedy(value)):
        raise wrong(f"timestep {given[0]}: {remedy}")


def _newton_off(given: Sequence[str]) -> bool:
    """Whether ``package`` switches Newton's third law off, as GPU does where it is not told."""
    said = given[given.index("newton") + 1 :][:1] if "newton" in given else []
    return said[:1] in [[word] for word in _OFF] or (given[:1] == ["gpu"] and not said)


def _check_files(
    text: str, words: Sequence[str], nested: bool, wrong: Callable[[str], InputError]
) -> None:
    """Commands of other files are looked at, or refused."""
    if words[0] == "jump" and words[1:2] and words[1] not in _SELF:
        raise wrong(
            f"jump {words[1]}: what is in that file cannot be looked at: jump to SELF, or "
            "include it"
        )
    if words[0] == "include" and words[1:] and nested:
        name = words[1].strip("\"'")
        if not made_by(text, name):
            raise wrong(
                f"include {name} within another command cannot be looked at: write it on "
                "a line of its own"
            )


def _check_masses(
    every: Sequence[tuple[Command, Sequence[str]]],
    type_map: Sequence[str],
    mass_map: Sequence[float],
    variables: Mapping[str, str],
    wrong: Callable[[Command, str], InputError],
) -> None:
    for one, words in every:
        if words[0] != "mass" or len(words) < 3:
            continue
        for kind in _types(words[1], type_map):
            name, expected = type_map[kind], mass_map[kind]
            value = _number(words[2], variables)
            if value is None:
                raise wrong(one, f"mass {words[1]} {words[2]} cannot be looked at: write a number")
            if not math.isclose(value, expected, rel_tol=MASS_TOLERANCE):
                raise wrong(
                    one,
                    f"mass {words[1]} {words[2]}: type {kind + 1} is {name}, of "
                    f"{expected:g} g/mol (type_map, mass_map)",
                )


def _variables(every: Sequence[tuple[Command, Sequence[str]]]) -> dict[str, str]:
    """Values of variables that are plain to see."""
    return {
        words[1]: words[3]
        for _, words in every
        if words[0] == "variable" and len(words) == 4 and words[2] in ("equal", "index", "string")
    }


def _types(word: str, type_map: Sequence[str]) -> list[int]:
    """Indices of the types that a word of LAMMPS stands for."""
    if word in type_map:
        return [type_map.index(word)]
    match = re.fullmatch(r"(\d*)(\*?)(\d*)", word)
    if match is None:
        return []
    low = int(match[1] or 1)
    high = int(match[3] or len(type_map)) if match[2] else low
    return [kind - 1 for kind in range(low, high + 1) if 1 <= kind <= len(type_map)]


def _number(word: str, variables: Mapping[str, str]) -> float | None:
    match = re.fullmatch(r"\$\{(\w+)\}|\$(\w)|v_(\w+)", word)
    if match:
        word = variables.get(match[1] or match[2] or match[3], "")
    try:
        return float(word.strip("\"'"))
    except ValueError:
        return None
