"""Walkers whose scripts are the user's own."""

import glob
import math
import re
from collections.abc import Mapping
from dataclasses import replace

from wtemlp.config.records import Revision, Template
from wtemlp.config.templates.checks import DUMP_ID, FIX_ID, is_bare, is_full
from wtemlp.config.templates.plumed_output import energy_file, written_files
from wtemlp.config.templates.plumed_text import effective
from wtemlp.config.templates.text import commands, replaced
from wtemlp.core import paths
from wtemlp.dpgen import exploration
from wtemlp.md import template_words
from wtemlp.md.trajectory import bead_names
from wtemlp.md.walker import Walker
from wtemlp.md.walker_record import TEMPLATE, WalkerRecord
from wtemlp.stages.context import RunContext

METAL_TIMESTEP_PS = 0.001  #: LAMMPS's own, in metal units
TEMPERATURE, BIASFACTOR, NVT_STEPS = "V_TEMP", "V_BIASFACTOR", "V_NVT_STEPS"
#: Results beside those that PLUMED is told to write; whatever of the later ones is there.
RESULTS = (
    paths.MODEL_DEVI,
    paths.LMP_LOG,
    f"{paths.PLUMED_OUTPUT}*",
    f"{paths.COLVAR_NVT}*",
    f"{paths.COLVAR_WTE}*",
    f"{paths.HILLS}*",
    f"{paths.SIGMA}*",
    f"{paths.STOPPED}*",
    "COLVAR*",
    f"{paths.DELTAFS}*",
    "plumed.dat*",
    "plumed.wte.*",
)


def scripts(
    context: RunContext,
    template: Template,
    revision: Revision,
    graphs: tuple[str, ...],
    trj_freq: int,
    walker: Walker | None,
) -> dict[str, str]:
    """The files of a walker's job, by name: all but the structure and the models.

    Parameters
    ----------
    context : RunContext
    template : Template
    revision : Revision
        One of the combinations of its system.
    graphs : tuple of str
        Model files, relative to the task's folder.
    trj_freq : int
        Steps between stored frames.
    walker : Walker or None
        What wtemlp's own words come from; None for DP-GEN's engine, which has none.
    """
    words = {} if walker is None else template_words.values(walker)
    own = {name: words[name] for name in template.own}
    lines = _completed(context, template, graphs, trj_freq)
    text = replaced("".join(lines), {**own, **revision.lmp})
    found = {paths.LMP_INPUT: _with_plumed(text, template, walker is not None)}
    if template.plm:
        found[paths.PLUMED_INPUT] = replaced(template.plm, {**own, **revision.all})
    if template.plm_path:
        found[paths.PLUMED_PATH] = template.plm_path
    return found | (template_words.helpers(walker) if walker is not None else {})


def _completed(
    context: RunContext, template: Template, graphs: tuple[str, ...], trj_freq: int
) -> list[str]:
    """The LAMMPS script's lines, with the models and the dump."""
    lines = template.lmp.splitlines(keepends=True)
    words = [line.split() for line in lines]
    styles = [each for each in words if each[:2] == ["pair_style", "deepmd"]]
    dump = any(each[:2] == ["dump", DUMP_ID] for each in words)
    if len(styles) > 1:  # each in full, as it has been checked
        return lines
    return exploration.complete_template(
        lines,
        graphs,
        trj_freq,
        context.machines.deepmd_version,
        context.params.jdata,
        pair_style=bool(context.params.md.devi_words) or not is_full(styles[0], len(graphs)),
        dump=dump,
    )


def _with_plumed(text: str, template: Template, wte: bool) -> str:
    """The LAMMPS script with its ``fix plumed``: DP-GEN's engine has the line always filled in."""
    lines = text.splitlines(keepends=True)
    fixes = [line.split() for line in lines if line.split()[:2] == ["fix", FIX_ID]]
    if not template.plm or not fixes or (wte and not is_bare(fixes[0])):
        return text
    return "".join(exploration.complete_plumed(lines, paths.PLUMED_INPUT))


def provenance(
    template: Template,
    revision: Revision,
    files: Mapping[str, str],
    made: WalkerRecord,
    walker: Walker | None,
) -> WalkerRecord:
    """A walker's provenance: what a template makes of it.

    Parameters
    ----------
    template : Template
    revision : Revision
    files : mapping
        The walker's scripts.
    made : WalkerRecord
        What would be said of a generated walker.
    walker : Walker or None

    Returns
    -------
    WalkerRecord
        As `made`, with None for what only the script knows.
    """
    inputs = effective(files.get(paths.PLUMED_INPUT, ""))
    found = replace(
        made,
        method=TEMPLATE,
        temperature_K=made.temperature_K if walker is not None else _temperature(revision),
        timestep_ps=timestep_ps(files[paths.LMP_INPUT]),
        nvt_steps=made.nvt_steps if NVT_STEPS in template.own else 0,
        revised=revision.all,
        energies=energy_file(inputs),
        written=tuple(written_files(inputs)),
        inputs=tuple(sorted(files)),
    )
    known = BIASFACTOR in template.own or (walker is None and not template.plm)
    if not known:
        found = replace(found, biasfactor=None, biasfactor_asked=(), biasfactor_cap=None)
    seeds = {
        name: getattr(walker, name)
        for name, word in template_words.SEEDS.items()
        if word in template.own
    }
    return replace(found, **seeds)


def results(made: WalkerRecord) -> tuple[str, ...]:
    """What a walker's job is to bring home beside its frames: all that PLUMED writes, too."""
    if made.n_beads:
        each = [f"model_devi{name}.out" for name in bead_names(made.n_beads)]
        return (*each, paths.LMP_LOG, f"{paths.LMP_LOG}.*")
    more = (f"{glob.escape(name)}*" for name in made.written or ())
    return tuple(dict.fromkeys((*RESULTS, *more)))


def _temperature(revision: Revision) -> float | None:
    """DP-GEN's users call it so; None if it is called otherwise."""
    try:
        value = float(revision.all.get(TEMPERATURE, "nan"))
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def timestep_ps(script: str) -> float | None:
    """The time step of a LAMMPS script in metal units; None if it is not plain to see.

    A variable's value is seen where it is a number.
    """
    lines = commands(script)
    if ["units", "metal"] not in lines:
        return None
    numbers = {
        words[1]: words[3]
        for words in lines
        if words[0] == "variable"
        and words[2:3] in (["equal"], ["index"], ["string"])
        and len(words) == 4
    }
    given = {words[1] for words in lines if words[0] == "timestep" and len(words) == 2}
    found = set()
    for text in given:
        match = re.fullmatch(r"\$\{(\w+)\}|v_(\w+)", text)
        try:
            found.add(float(numbers.get(match[1] or match[2], "") if match else text))
        except ValueError:
            return None
    return found.pop() if len(found) == 1 else None if found else METAL_TIMESTEP_PS
