"""``template``, ``rev_mat`` and ``sys_rev_mat``: scripts of the user's own, in DP-GEN's way."""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from wtemlp.config.elements import read_mass_map, read_type_map
from wtemlp.config.plain_md import read_md_options
from wtemlp.config.records import Revision, Template
from wtemlp.config.schema.dpgen_schema import ENGINE, engine_of
from wtemlp.config.schema.section import Section, wrong_value
from wtemlp.config.templates import plumed_text
from wtemlp.config.templates import text as template_text
from wtemlp.config.templates.checks import ScriptPlace, check_scripts
from wtemlp.config.templates.includes import Grammar, expanded
from wtemlp.config.templates.includes import place as place_of
from wtemlp.config.templates.text import left_over, occurs
from wtemlp.config.training import model_suffix
from wtemlp.core.errors import InputError, NotRunnable

LMP, PLM, PLM_PATH = "lmp", "plm", "plm_path"
_REVISIONS = ("rev_mat", "sys_rev_mat")


def refuse_without_template(params: Section) -> None:
    """Refuse what only a template gives a meaning to, where there is none.

    Raises
    ------
    InputError
    """
    if engine_of(params) != ENGINE:
        return  # DP-GEN's engines ignore it
    jobs = params.sections("model_devi_jobs")
    for job in jobs:
        for key in _REVISIONS:
            if job.get(key) and "template" not in job:
                raise job.wrong(key, "has no effect without a template: add it, or remove this")
    if params.get("model_devi_plumed") and not any("template" in job for job in jobs):
        remedy = "has no effect without a template: add it, or remove this"
        raise params.wrong("model_devi_plumed", remedy)


def read_template(
    params: Section, job: Section, root: Path, systems: Sequence[int], own: Sequence[str], wte: bool
) -> Template:
    """The record of an entry's template.

    Parameters
    ----------
    params : Section
        The whole file.
    job : Section
        The entry of ``model_devi_jobs``; it has a ``template``.
    root : Path
        The run's folder: the scripts are relative to it.
    systems : sequence of int
        Those that the entry explores.
    own : sequence of str
        Words that wtemlp replaces itself.
    wte : bool
        Whether the engine is ``wte``; else it is DP-GEN's.

    Raises
    ------
    NotRunnable
        At the first mistake that can be seen without LAMMPS and PLUMED: DP-GEN's schema knows
        nothing of what is in the scripts.
    """
    try:
        return _template(params, job, root, systems, own, wte)
    except InputError as error:
        raise NotRunnable.of(error) from None


def _template(
    params: Section, job: Section, root: Path, systems: Sequence[int], own: Sequence[str], wte: bool
) -> Template:
    section = job.section("template")
    if LMP not in section:
        raise section.missing(LMP, "add it: the LAMMPS script")
    lmp = _read_script(section, LMP, root, template_text.GRAMMAR)
    plm = _read_plumed(params, section, root, wte)
    plm_path = _read_plumed_path(params, section, root, plm is not None)
    revisions = {index: _revisions(job, index, plm is not None, own, wte) for index in systems}
    _check_systems(job, systems)
    template = Template(lmp, plm or "", revisions, tuple(own), plm_path)
    for index in systems:
        _check_words(job, template, index)
    type_map, md = read_type_map(params), read_md_options(params)
    source = ScriptPlace(
        section.file,
        (*section.path, LMP),
        (*section.path, PLM),
        section[LMP],
        section.get(PLM, ""),
        job["trj_freq"],
        params["numb_models"],
        wte,
        model_suffix(params),
        type_map,
        read_mass_map(params, type_map),
        md.devi_words,
        md.periodic,
        dict(_named_inputs(lmp, root, partial(section.wrong, LMP))),
    )
    check_scripts(source, template)
    used = (name for name in own if occurs(name, lmp) or occurs(name, template.plm))
    return replace(template, own=tuple(used))


def _named_inputs(
    lmp: str, root: Path, wrong: Callable[[str], InputError]
) -> Iterator[tuple[str, str]]:
    """Names and texts of the PLUMED inputs that the script's own ``fix plumed`` names.

    Those that are in the run's folder: the others are made by the script.
    """
    for words in template_text.commands(lmp):
        if words[0] != "fix" or "plumedfile" not in words[:-1]:
            continue
        name = words[words.index("plumedfile") + 1]
        if template_text.made_by(lmp, name):
            continue
        try:
            text = (root / name).read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError):
            continue
        yield name, expanded(text, root, plumed_text.GRAMMAR, wrong)


def _read_plumed(params: Section, section: Section, root: Path, wte: bool) -> str | None:
    """The text of the PLUMED input; None if there is none."""
    plumed = wte or params.get("model_devi_plumed", False)
    if PLM in section:
        if not plumed:
            return None  # as DP-GEN has it
        return _read_script(section, PLM, root, plumed_text.GRAMMAR)
    if plumed and not wte:
        raise section.missing(PLM, "add it: model_devi_plumed is true")
    return None


def _read_plumed_path(params: Section, section: Section, root: Path, plumed: bool) -> str:
    """The text of the file of a path's frames, that PLUMED reads; "" if there is none."""
    flag = "model_devi_plumed_path"
    if not plumed or not params.get(flag, False):
        return ""
    if PLM_PATH not in section:
        raise section.missing(PLM_PATH, f"add it: {flag} is true")
    return _read_script(section, PLM_PATH, root)


def _read_script(section: Section, key: str, root: Path, grammar: Grammar | None = None) -> str:
    try:
        text = (root / str(section[key])).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "not a text file"
        remedy = f"cannot be read ({why}): give the path of a file, relative to {root}"
        raise section.wrong(key, remedy) from None
    if not text.strip():
        raise section.wrong(key, "is empty")
    if grammar is None:
        return text
    return expanded(text, root, grammar, partial(section.wrong, key))


def _revisions(
    job: Section, system: int, plumed: bool, own: Sequence[str], wte: bool
) -> tuple[Revision, ...]:
    """Every combination of a system: those of all systems first, as DP-GEN has them."""
    common = _matrix(job, ("rev_mat",), plumed, own, wte)
    its_own = _matrix(job, ("sys_rev_mat", str(system)), plumed, own, wte)
    both = [*common, *its_own]
    for place, (kind, name, values) in enumerate(both):
        other = next((one for one in both[:place] if one[1] == name), None)
        if other is not None:
            path = ("rev_mat", kind) if place < len(common) else ("sys_rev_mat", str(system), kind)
            remedy = "is given twice, remove one: the words of lmp are replaced in plm, too"
            raise wrong_value(job.file, (*job.path, *path, name), values, remedy)
    found = []
    # DP-GEN's order: rev_mat's lmp and plm, then those of the system.
    for chosen in itertools.product(*(values for _, _, values in both)):
        pairs = list(zip(both, chosen, strict=True))
        lmp, plm = (
            {name: value for (of, name, _), value in pairs if of == kind} for kind in (LMP, PLM)
        )
        found.append(Revision(lmp, plm))
    return tuple(found)


def _matrix(
    job: Section, path: tuple[str, ...], plumed: bool, own: Sequence[str], wte: bool
) -> list[tuple[str, str, list[Any]]]:
    """Script, word and values of each entry of a ``rev_mat``."""
    given = job.get(path[0]) or {}
    for key in path[1:]:
        given = given.get(key, {})
    found = []
    where = (*job.path, *path)
    if not isinstance(given, dict):
        raise wrong_value(job.file, where, given, "must be an object with lmp and plm")
    for kind, words in given.items():
        if kind not in (LMP, PLM):
            remedy = f'unknown key, must be "{LMP}" or "{PLM}"'
            raise wrong_value(job.file, (*where, kind), words, remedy)
        if not isinstance(words, dict):
            raise wrong_value(job.file, (*where, kind), words, "must be an object of lists")
        if words and kind == PLM and not plumed and wte:
            remedy = "has no effect without template.plm: add it, or remove this"
            raise wrong_value(job.file, (*where, kind), words, remedy)
    for kind in (LMP, PLM)[: 1 + plumed]:
        for name, values in given.get(kind, {}).items():
            _check_values(job, (*where, kind, name), name, values, own)
            found.append((kind, name, values))
    return found


def _check_values(
    job: Section, path: Sequence[str | int], name: str, values: object, own: Sequence[str]
) -> None:
    if not name.strip():
        raise wrong_value(job.file, path, values, "needs a name")
    if name in own:
        remedy = f"{name} is this job's own, from its other keys: give its values there, or rename"
        raise wrong_value(job.file, path, values, remedy)
    if not isinstance(values, list) or not values:
        raise wrong_value(job.file, path, values, "must be a list of one value or more")
    for index, value in enumerate(values):
        if isinstance(value, bool) or not isinstance(value, (int, float, str)):
            raise wrong_value(job.file, (*path, str(index)), value, "must be a number or a string")
        if value in values[:index]:
            raise wrong_value(job.file, (*path, str(index)), value, "is given twice, remove one")


def _check_systems(job: Section, systems: Sequence[int]) -> None:
    for name, given in (job.get("sys_rev_mat") or {}).items():
        if name not in map(str, systems):
            remedy = f"must be the index of a system of this job's sys_idx ({_list(systems)})"
            raise wrong_value(job.file, (*job.path, "sys_rev_mat", name), given, remedy)


def _check_words(job: Section, template: Template, system: int) -> None:
    """Every word that is to be replaced occurs, and nothing is left that had to be."""
    first = template.revisions[system][0]
    section = job.section("template")
    for kind, words in ((LMP, first.lmp), (PLM, first.plm)):
        texts = (template.plm,) if kind == PLM else (template.lmp, template.plm)
        for name in words:
            if not any(occurs(name, text) for text in texts):
                where = _where(job, system, kind, name)
                raise wrong_value(
                    job.file,
                    (*job.path, *where),
                    _value(job, where),
                    f"{name} is not in {section[kind]}: write it there as a word, or remove this",
                )
    for kind, text, names in (
        (LMP, template.lmp, {*first.lmp, *template.own}),
        (PLM, template.plm, {*first.all, *template.own}),
    ):
        if (found := left_over(text, names)) is not None:
            raise _left_over(section, kind, text, *found, system)


def _left_over(
    section: Section, kind: str, text: str, line: int, word: str, system: int
) -> InputError:
    if word.startswith("V_"):
        what = f"{word} in {place_of(text, line - 1)} is replaced by nothing"
        remedy = f"give it in rev_mat.{kind}, or for system {system} in sys_rev_mat"
    else:
        what = f"{word} in {place_of(text, line - 1)} is not replaced, for only whole words are"
        remedy = "part them, as with a dot"
    return section.wrong(kind, f"{what}: {remedy}")


def _where(job: Section, system: int, kind: str, name: str) -> tuple[str, ...]:
    common = (job.get("rev_mat") or {}).get(kind, {})
    return ("rev_mat", kind, name) if name in common else ("sys_rev_mat", str(system), kind, name)


def _value(job: Section, path: Iterable[str]) -> object:
    value = job.data
    for key in path:
        value = value[key]
    return value


def _list(items: Iterable[object]) -> str:
    return ", ".join(map(str, items))
