"""Keys of what other packages add: their labellers, selectors and explorers.

A plug-in declares its keys as ``arguments``, a list of dargs's Arguments, on its class.  They are
checked, shown in the JSON schema and in the list of keys as the built-in ones are.
"""

import copy
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from dargs import Argument

from wtemlp.config.keys.declare import any_of
from wtemlp.config.keys.labels import Selection
from wtemlp.config.schema.dpgen_schema import OWN_STYLES, run_schema
from wtemlp.config.schema.messages import validated
from wtemlp.config.schema.own_keys import read
from wtemlp.config.schema.read_files import Kind, read_object
from wtemlp.config.schema.section import Section
from wtemlp.core import plugins
from wtemlp.core.errors import InputError

EXPLORER_KEYS = "explorer_params"  #: of a file whose ``model_devi_engine`` is a plug-in
_PLACES = (
    ("fp_style", plugins.LABELLERS, "fp_params"),
    ("model_devi_engine", plugins.EXPLORERS, EXPLORER_KEYS),
)
SELECTOR_KEYS = "parameters"  #: in ``selection``, of a method that is a plug-in


def read_run_file(path: Path) -> Section:
    """A parameter file with its defaults filled in, its keys and their types checked.

    Raises
    ------
    InputError
        At the first mistake.
    """
    content = dict(read_object(path, Kind.RUN))
    for key, group, params in _PLACES:  # the defaults of keys are filled in where there are some
        if content.get(key) in plugins.added(group):
            content.setdefault(params, {})
    return Section(path.name, validated(schema_for(content, path.name), content, path.name))


def schema_for(content: Mapping[str, Any] | None = None, file: str = "") -> Argument:
    """The schema of the parameter file, with the plug-ins that are installed.

    Parameters
    ----------
    content : mapping, optional
        A file's: only the plug-ins that it names are imported; None: all.
    file : str
        Its name, for messages.
    """
    schema = run_schema()
    styles, engines = schema.sub_variants["fp_style"], schema.sub_variants["model_devi_engine"]
    for name in plugins.added(plugins.LABELLERS):
        keys = _keys(content, "fp_style", plugins.LABELLERS, name, file)
        given = Argument("fp_params", dict, keys, optional=True)
        doc = f"A reference method that another package adds ({name})"
        styles.extend_choices([Argument(name, dict, [given], doc=doc)])
    for name in plugins.added(plugins.EXPLORERS):
        keys = _keys(content, "model_devi_engine", plugins.EXPLORERS, name, file)
        choice = copy.deepcopy(engines.choice_dict["lammps"])
        choice.name, choice.doc = name, f"An exploration that another package adds ({name})"
        choice.extend_subfields([Argument(EXPLORER_KEYS, dict, keys, optional=True)])
        engines.extend_choices([choice])
    return schema


def is_own_style(name: str) -> bool:
    """Whether an ``fp_style`` is not one of DP-GEN's."""
    return name in OWN_STYLES or name in plugins.added(plugins.LABELLERS)


def read_selection(params: Section) -> Selection:
    """How frames are picked, with the keys of a method that is a plug-in.

    Raises
    ------
    InputError
        If there is no such method, or its keys are wrong.
    """
    if "selection" not in params:
        return Selection()
    section = params.section("selection")
    chosen, known = read(Selection, section), plugins.names(plugins.SELECTORS)
    name, given = chosen.method, dict(chosen.parameters)
    if name not in known:
        raise section.wrong("method", f"must be {any_of(known)}")
    if name not in plugins.added(plugins.SELECTORS):
        if given:
            raise section.wrong(SELECTOR_KEYS, f'"{name}" has none: remove it')
        return chosen
    where = f"{params.file}: selection.method"
    keys = Argument("parameters", dict, _arguments(plugins.SELECTORS, name, where))
    return replace(chosen, parameters=validated(keys, given, f"{params.file}: selection"))


def _keys(
    content: Mapping[str, Any] | None, key: str, group: str, name: str, file: str
) -> list[Argument]:
    """The keys of a plug-in: of one that a file names, or of any that can be imported."""
    if content is not None and content.get(key) != name:
        return []
    try:
        return _arguments(group, name, f"{file}: {key}")
    except InputError:
        if content is not None:
            raise
        return []  # who looks at the schema does not use it


def _arguments(group: str, name: str, where: str) -> list[Argument]:
    try:
        found = plugins.load(group, name)
    except Exception as error:  # whatever the import of another package may raise
        raise InputError(
            where,
            f'the plug-in "{name}" cannot be imported ({type(error).__name__}: {error})',
            "repair or reinstall the package that adds it",
        ) from error
    return list(getattr(found, "arguments", ()))
