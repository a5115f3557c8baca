"""Which references a run is to cite: those of what it used, and no others."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from wtemlp.records.validation_record import Validation
from wtemlp.report.references import REFERENCES, Citation

_PLUMED = ("Tribello2014PLUMED", "PLUMED2019")
_METHODS = {"wte": ("Bonomi2010WTE", "Barducci2008WTMetaD"), "opes": ("Invernizzi2020OPES",)}
_LABELS = {
    "vasp": ("Kresse1996VASP", "Kresse1999PAW"),
    "cp2k": ("Kuehne2020CP2K",),
    "pwscf": ("Giannozzi2009QE", "Giannozzi2017QE"),
    "cpx": ("Giannozzi2009QE", "Giannozzi2017QE"),
    "abacus": ("Li2016ABACUS",),
    "siesta": ("Soler2002SIESTA",),
    "pwmat": ("Jia2013PWmat",),
    "ase": ("Larsen2017ASE",),
}
#: By words in the force field of LAMMPS: its name, or its own commands.
_FORCE_FIELDS = {
    "tip3p": ("Jorgensen1983TIP3P",),
    "spce": ("Berendsen1987SPCE", "Ryckaert1977SHAKE"),
    "tip3p-rigid": ("Ryckaert1977SHAKE",),
    "mw": ("Molinero2009mW", "Stillinger1985SW"),
    "sw-silicon": ("Stillinger1985SW",),
    "eam-copper": ("Daw1984EAM", "Foiles1986EAM"),
    "pair_style sw": ("Stillinger1985SW",),
    "pair_style eam": ("Daw1984EAM",),
}
#: By words in an ASE calculator and its arguments.
_CALCULATORS = {
    "xtb.ase": ("Bannwarth2021xtb", "Bannwarth2019GFN2"),
    "gfn1": ("Grimme2017GFN1",),
    "gfn2": ("Bannwarth2019GFN2",),
    "emt": ("Jacobsen1996EMT",),
    "mace": ("Batatia2022MACE",),
    "espresso": ("Giannozzi2009QE", "Giannozzi2017QE"),
    "cp2k": ("Kuehne2020CP2K",),
    "vasp": ("Kresse1996VASP", "Kresse1999PAW"),
    "siesta": ("Soler2002SIESTA",),
}
_ALWAYS = ("Zhang2019DPGEN", "Zhang2020DPGEN", "Wang2018DeePMD", "Zeng2023DeePMD")


@dataclass(frozen=True)
class Used:
    """What a run used, as far as it decides on what to cite."""

    param: Mapping[str, Any]  #: the parameter file's object; empty: not known
    #: What ``wtemlp init`` made the initial data with; empty: nothing is known of them
    initial: Mapping[str, Any] = field(default_factory=dict)
    deepmd: str = ""  #: DeePMD-kit's version
    explored: bool = True  #: there are walkers
    training_data: bool = True  #: there are radial distributions of the training data
    validation: Validation | None = None


def citations(used: Used) -> list[Citation]:
    """The references of a run, each once, in the order of :data:`REFERENCES`."""
    keys = set(_ALWAYS)
    for some in (_models(used), _exploration(used), _references(used.param), _analysis(used)):
        keys |= set(some)
    keys |= set(_initial(used.initial))
    return [one for key, one in REFERENCES.items() if key in keys]


def bibtex(cited: list[Citation]) -> str:
    """A ``.bib`` file."""
    return "\n\n".join(one.bibtex() for one in cited) + "\n"


def _models(used: Used) -> Iterator[str]:
    if not used.deepmd or used.deepmd.split(".")[0] == "3":
        yield "Zeng2025DeePMD"
    if used.param.get("dp_compress"):
        yield "Lu2022Compress"
    training = used.param.get("default_training_param")
    if {"se_e2_a", "se_a"} & set(_types(_at(training, "model", "descriptor"))):
        yield "Zhang2018DeepPotSE"


def _types(descriptor: object) -> Iterator[str]:
    """Kinds of a descriptor, and of those that a hybrid one has in its list."""
    if isinstance(descriptor, Mapping):
        yield str(descriptor.get("type", "se_e2_a"))
        for one in descriptor.get("list") or ():
            yield from _types(one)


def _at(value: object, *keys: str) -> object:
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _exploration(used: Used) -> Iterator[str]:
    jobs = [job for job in used.param.get("model_devi_jobs") or () if isinstance(job, Mapping)]
    if used.param.get("model_devi_engine", "lammps") not in ("wte", "lammps") or not jobs:
        return
    yield "Thompson2022LAMMPS"
    for job in jobs:
        wte, template = job.get("wte"), job.get("template")
        if isinstance(wte, Mapping):
            factors = wte.get("biasfactor", ())
            if factors not in (1, [1]):
                yield from _METHODS.get(str(wte.get("method", "wte")), ())
                yield from _PLUMED
            yield from ("Bussi2007CSVR", *["Martyna1994"] * _moves(job))
        elif isinstance(template, Mapping):  # thermostat and bias are the user's own
            yield from _PLUMED * ("plm" in template)
        elif _moves(job):
            yield "Martyna1994"


def _moves(job: Mapping[str, Any]) -> bool:
    return str(job.get("ensemble", "")).startswith("npt")


def _initial(made: Mapping[str, Any]) -> Iterator[str]:
    """Structures, MD and references of ``wtemlp init``; a box of water as in earlier versions."""
    if "n_molecules" in made:
        yield from ("Martinez2009Packmol", "Jorgensen1983TIP3P", "Thompson2022LAMMPS")
        yield from ("Bussi2007CSVR", "Martyna1994")
        yield from (*_METHODS["wte"], *_PLUMED) if made.get("biasfactors") else ()
        return
    yield from _references(made)
    for system in made.get("systems") or ():
        yield from ["Martinez2009Packmol"] * bool(_at(system, "structure", "mixture"))
        for run in system.get("runs") or ():
            yield from ("Thompson2022LAMMPS", "Bussi2007CSVR")
            yield from ["Martyna1994"] * (_moves(run) or bool(run.get("npt_steps")))
            if isinstance(bias := run.get("wte"), Mapping):
                yield from (*_METHODS.get(str(bias.get("method", "wte")), ()), *_PLUMED)


def _references(param: Mapping[str, Any]) -> Iterator[str]:
    """What labels, and what does MD in its place."""
    yield from _labelling(param)
    if isinstance(sampler := param.get("sampler"), Mapping):
        yield from _labelling(sampler)


def _labelling(param: Mapping[str, Any]) -> Iterator[str]:
    style, details = str(param.get("fp_style", "")), param.get("fp_params")
    yield from _LABELS.get(style, ())
    if style == "lammps":
        yield "Thompson2022LAMMPS"
        said = str(_at(details, "force_field"))
        own = isinstance(_at(details, "force_field"), Mapping)
        for word, keys in _FORCE_FIELDS.items():
            known = word in said if own == word.startswith("pair_style") else False
            yield from keys if known else ()
    if style == "ase":
        said = f"{_at(details, 'calculator')} {_at(details, 'kwargs')}".lower()
        for word, keys in _CALCULATORS.items():
            yield from keys if word in said else ()


def _analysis(used: Used) -> Iterator[str]:
    yield from ["Zeng2025dpdata"] * bool(used.param)
    yield from ["Chodera2007"] * used.explored
    found = used.validation
    measured = found is not None and any(run.curves for run in found.md)
    yield from ("MichaudAgrawal2011", "Gowers2016") if used.training_data or measured else ()
    if found is not None:
        yield from ("Thompson2022LAMMPS", "Bussi2007CSVR")
        diffusion = [one for run in found.md for one in run.diffusion]
        yield from ["deBuyl2018tidynamics"] * bool(diffusion)
        curves = [name.partition(" ")[0] for run in found.md for name in run.curves]
        yield from ["Kuiper1960"] * bool({"torsion", "angle", "distance"} & set(curves))
        yield from ["Yeh2004"] * any(one.d_corrected is not None for one in diffusion)
