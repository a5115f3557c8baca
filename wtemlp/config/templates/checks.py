"""What a user's scripts must have, so that their walkers can be read and their bias is right."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from wtemlp.config.records import Revision, Template
from wtemlp.config.schema.section import wrong_value
from wtemlp.config.templates import plumed_output
from wtemlp.config.templates.includes import origin
from wtemlp.config.templates.lammps_checks import check_lammps
from wtemlp.config.templates.plumed_text import Action, effective
from wtemlp.config.templates.text import commands, occurs, replaced
from wtemlp.core import paths
from wtemlp.core.errors import InputError

DUMP_ID, FIX_ID = "dpgen_dump", "dpgen_plm"  #: DP-GEN's
FRAMES = (paths.ALL_FRAMES, f"{paths.TRAJ}/*.lammpstrj")
_COLUMNS = ["id", "type", "x", "y", "z"]
_FULL = 6  #: words of a pair_style line that DP-GEN leaves as it is, beside the models
_BARE_FIX = 4  #: words of "fix dpgen_plm all plumed"
_OFF = ("no", "off", "false")
_UNITS = '"UNITS LENGTH=A TIME=ps ENERGY=eV"'
#: Words that stand for energies, in eV.
_IN_EV = ("V_SIGMA", "V_HEIGHT")


@dataclass(frozen=True)
class ScriptPlace:
    """Where a template is from, and what goes with it."""

    file: str
    lmp_path: tuple[str | int, ...]
    plm_path: tuple[str | int, ...]
    lmp: str  #: names of the scripts
    plm: str
    trj_freq: int
    numb_models: int
    wte: bool
    suffix: str  #: of the models
    type_map: tuple[str, ...]
    mass_map: tuple[float, ...]  #: g/mol
    devi_words: str  #: more words of ``pair_style deepmd``
    periodic: bool  #: whether frames are labelled as periodic ones
    inputs: Mapping[str, str] = field(default_factory=dict)  #: other PLUMED inputs, by their names

    def wrong(self, remedy: str) -> InputError:
        """The error of the LAMMPS script."""
        return wrong_value(self.file, self.lmp_path, self.lmp, remedy)

    def wrong_plm(self, remedy: str) -> InputError:
        """The error of the PLUMED input."""
        return wrong_value(self.file, self.plm_path, self.plm, remedy)


def check_scripts(place: ScriptPlace, template: Template) -> None:
    """Look at the scripts of every combination.

    Raises
    ------
    InputError
        If a line that wtemlp or DP-GEN needs is not there, or says something else; or if the
        energy that PLUMED sees would have the bias in it.
    """
    _check_pair_style(place, [line.split() for line in template.lmp.splitlines()])
    _check_units(place, template)
    # Of wtemlp's own words only this one is in what is looked at.
    known = {"V_TRJ_FREQ": place.trj_freq}
    for revision in _distinct(template):
        text = replaced(template.lmp, {**known, **revision.lmp})
        plumed = replaced(template.plm, {**known, **revision.all})
        check_lammps(text, place.type_map, place.mass_map, place.periodic, place.wrong)
        lines, inputs = commands(text), effective(plumed)
        _check_full_line(place, lines)
        _check_dump(place, lines)
        _check_plumed(place, lines, inputs, bool(template.plm))
        _check_input(inputs, partial(_wrong_plm, place, plumed))
    for name, text in place.inputs.items():
        _check_input(effective(text), partial(_wrong_other, place, name, text))


def _wrong_plm(place: ScriptPlace, text: str, one: Action, why: str) -> InputError:
    return place.wrong_plm(_at(text, one) + why)


def _wrong_other(place: ScriptPlace, name: str, text: str, one: Action, why: str) -> InputError:
    return place.wrong(f"{name}: {_at(text, one)}{why}")


def _at(text: str, action: Action) -> str:
    """Where an action is, if it is in an included file."""
    name, number = origin(text, action.first)
    return f"{name}, line {number}: " if name else ""


def _distinct(template: Template) -> list[Revision]:
    return [one for revisions in template.revisions.values() for one in revisions]


def is_full(words: Sequence[str], numb_models: int) -> bool:
    """Whether a ``pair_style deepmd`` line has all that DP-GEN would write into it."""
    return len(words) == numb_models + _FULL


def _check_pair_style(place: ScriptPlace, lines: Iterable[Sequence[str]]) -> None:
    found = [words for words in lines if words[:2] == ["pair_style", "deepmd"]]
    if not found:
        raise place.wrong('has no line "pair_style deepmd": add it, the models are filled in')
    full = [is_full(words, place.numb_models) for words in found]
    if len(found) > 1 and not (place.wte and all(full)):
        raise place.wrong(f'has {len(found)} lines "pair_style deepmd": there must be one')
    if len(found) > 1 and place.devi_words:
        raise place.wrong(
            f'its lines "pair_style deepmd" are {len(found)}: write one, alone: '
            f"the models and {place.devi_words} (use_relative) are filled in"
        )


def _check_full_line(place: ScriptPlace, lines: Iterable[Sequence[str]]) -> None:
    """A full line is left as it is: its models must be all, and its output what is read."""
    if place.devi_words:
        return  # the line is filled in anew
    models = {f"../graph.{model:03d}{place.suffix}" for model in range(place.numb_models)}
    for words in lines:
        if words[:2] != ["pair_style", "deepmd"] or not is_full(words, place.numb_models):
            continue
        options = dict(zip(words[-4::2], words[-3::2], strict=True))
        wanted = {"out_freq": str(place.trj_freq), "out_file": paths.MODEL_DEVI}
        if options != wanted:
            raise place.wrong(
                f'its line "pair_style deepmd" must end with "out_freq {place.trj_freq} out_file '
                f'{paths.MODEL_DEVI}" (trj_freq): or write "pair_style deepmd" alone'
            )
        if set(words[2:-4]) != models:
            names = " ".join(sorted(models))
            remedy = f'its line "pair_style deepmd" must name {names}: or write it without them'
            raise place.wrong(remedy)


def _check_dump(place: ScriptPlace, lines: Iterable[Sequence[str]]) -> None:
    dumps = [words for words in lines if words[:1] == ["dump"]]
    dpgens = [words for words in dumps if words[1:2] == [DUMP_ID]]
    if len(dpgens) == 1:
        return
    if len(dpgens) > 1:
        raise place.wrong(f'has {len(dpgens)} lines "dump {DUMP_ID}": there must be one')
    frames = [words for words in dumps if words[5:6] and words[5] in FRAMES]
    if not place.wte or not frames:
        remedy = f'has no line "dump {DUMP_ID}": add it, the rest of the line is filled in'
        raise place.wrong(remedy)
    for words in frames:
        if words[2:5] != ["all", "custom", str(place.trj_freq)] or words[6:11] != _COLUMNS:
            wanted = f"all custom {place.trj_freq} {words[5]} {' '.join(_COLUMNS)}"
            raise place.wrong(f'its line "dump {words[1]}" must be "{wanted}", or "dump {DUMP_ID}"')


def _is_plumed(words: Sequence[str]) -> bool:
    return words[:2] == ["fix", FIX_ID] or (words[:1] == ["fix"] and words[3:4] == ["plumed"])


def is_bare(words: Sequence[str]) -> bool:
    """Whether a line ``fix dpgen_plm`` names no file of its own."""
    return words[1] == FIX_ID and len(words) <= _BARE_FIX


def _check_plumed(
    place: ScriptPlace, lines: Sequence[Sequence[str]], inputs: Sequence[Action], given: bool
) -> None:
    """There is a fix, and its energy is that without the bias."""
    fixes = [(line, words) for line, words in enumerate(lines) if _is_plumed(words)]
    dpgens = [words for _, words in fixes if words[1] == FIX_ID]
    if (place.wte and not fixes) or (given and not place.wte and not dpgens):
        remedy = f'has no line "fix {FIX_ID}": add it, the rest of the line is filled in'
        raise place.wrong(remedy)
    if len(dpgens) > 1:
        raise place.wrong(f'has {len(dpgens)} lines "fix {FIX_ID}": there must be one')
    if not given and any(map(is_bare, dpgens)):
        raise place.wrong(f'its "fix {FIX_ID}" has no input: give template.plm')
    if given and not place.wte and not plumed_output.acts_on_energy(inputs):
        return
    for line, words in fixes:
        said = [
            later[later.index("energy") + 1 :][:1]
            for later in lines[line:]
            if later[:2] == ["fix_modify", words[1]] and "energy" in later
        ]
        if not said or said[-1] not in [[word] for word in _OFF]:
            why = "PLUMED's ENERGY would have the bias of the step before in it"
            raise place.wrong(f'add "fix_modify {words[1]} energy no" after that fix: else {why}')


def _check_input(inputs: Sequence[Action], wrong: Callable[[Action, str], InputError]) -> None:
    units = plumed_output.energy_unit(inputs), plumed_output.time_unit(inputs)
    for one in inputs:
        if not one.closed:
            raise wrong(one, f'{one.name} goes on by ... and has no end: add a line "..."')
        if one.name == "RESTART":
            raise wrong(
                one,
                "remove RESTART: a walker begins in a clean folder, also when it is tried again",
            )
        if one.name == "PLUMED":
            raise wrong(
                one,
                "PLUMED runs another input, in which nothing can be looked at: write "
                "its lines here",
            )
        for file in plumed_output.written_files([one]):
            if "/" in file.removeprefix("./"):
                raise wrong(one, f"it writes {file}: a walker's files must be in its own folder")
            if file in (paths.COLVAR_NVT, paths.COLVAR_WTE) and units != (1.0, 1.0):
                raise wrong(one, f"{file} is read in eV and ps: add {_UNITS}, or rename it")
        if "WALKERS_DIR" in one.keywords:
            remedy = "remove WALKERS_DIR: hills outside of a walker's own folder are not cleaned"
            raise wrong(one, f"{remedy} when it is tried again")


def _check_units(place: ScriptPlace, template: Template) -> None:
    """wtemlp's own energies are in eV."""
    if not template.plm or plumed_output.energy_unit(effective(template.plm)) == 1.0:
        return
    for name in _IN_EV:
        if name in template.own and occurs(name, template.plm):
            raise place.wrong_plm(f"{name} is in eV: add {_UNITS} as the first line")
