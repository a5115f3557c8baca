"""Reading a JSON or YAML file into a dictionary, with one line for everything that can go wrong."""

import json
import math
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any

from wtemlp.config.schema import json_mistakes
from wtemlp.config.schema.section import key_path, wrong_value
from wtemlp.core.errors import InputError

MAX_DIGITS = 300  #: of an integer; a double holds 308

_FINITE = "write a finite number"


class Kind(Enum):
    """The kinds of input file, each with keys that no other kind has."""

    RUN = (
        "a parameter file of wtemlp run",
        ("default_training_param", "model_devi_jobs", "init_data_sys", "sys_configs"),
    )
    INIT = ("a parameter file of wtemlp init", ("systems", "n_molecules"))
    MACHINE = ("a machine file", ("train", "model_devi", "fp", "train_machine"))


#: Files of other programs of the family, by keys that they must have, and what to do with them.
_STRANGE = (
    ("an input file of dpgen2", ("dflow_config", "inputs", "default_step_config", "step_configs")),
    (
        "an input file of dpgen init_bulk or init_surf",
        ("super_cell", "relax_incar", "scale", "md_incar"),
    ),
    (
        "an input file of dpgen autotest, or of APEX",
        ("structures", "interaction", "relaxation", "properties"),
    ),
    ("a training input of DeePMD-kit", ("model", "learning_rate", "loss", "training")),
    ("a submission of dpdispatcher", ("work_base", "machine", "resources", "task_list")),
)
_ENOUGH = 2  #: so many of the keys tell a file


def read_object(path: Path, wanted: Kind) -> dict[str, Any]:
    """Read a parameter or machine file.

    Parameters
    ----------
    path : Path
        A ``.yaml`` or ``.yml`` file is read as YAML, any other as JSON, as DP-GEN does.
    wanted : Kind
        What the file is to be.

    Returns
    -------
    dict
        The file's object.

    Raises
    ------
    InputError
        If there is no such file, or it does not hold one object.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(str(path), "no such file", "give the path of an existing file") from None
    except IsADirectoryError:
        raise InputError(str(path), "is a folder", "give the path of a file") from None
    except UnicodeDecodeError:
        raise InputError(str(path), "not a text file", "must be JSON in UTF-8") from None
    except OSError as error:
        raise InputError(str(path), f"cannot be read ({error.strerror})") from None
    parse = _parse_yaml if path.suffix in (".yaml", ".yml") else _parse_json
    try:
        data = _plain(path, parse(path, text))
    except RecursionError:
        raise InputError(path.name, "nested too deeply, or within itself") from None
    if not isinstance(data, dict):
        kind = {list: "a list", str: "a string", type(None): "nothing"}.get(type(data), "a value")
        raise InputError(path.name, f"holds {kind}", 'must be one object: {"key": value, ...}')
    _refuse_other_kind(path, data, wanted)
    return data


def _refuse_other_kind(path: Path, data: Mapping[str, Any], wanted: Kind) -> None:
    """One clear line for a file of another kind, as when two were given in the wrong order."""
    if any(key in data for key in wanted.value[1] if wanted is not Kind.MACHINE):
        return
    for name, keys in _STRANGE:
        found = [key for key in keys if key in data]
        if len(found) >= _ENOUGH:
            raise InputError(
                path.name, f"is {name} ({', '.join(found)})", f"give {wanted.value[0]}"
            )
    if any(key in data for key in wanted.value[1]):
        return
    for kind in Kind:
        if any(key in data for key in kind.value[1]):
            remedy = f"give {wanted.value[0]} here (the order is PARAM MACHINE)"
            raise InputError(path.name, f"is {kind.value[0]}", remedy)


def _shortened(literal: str) -> str:
    """A number as it was written, or the beginning of a very long one."""
    return literal if len(literal) <= 20 else f"{literal[:17]}..."


def _parse_json(path: Path, text: str) -> Any:
    def at(literal: str) -> str:
        return f"{_FINITE} (line {json_mistakes.line_of(text, literal)})"

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = [key for key, _ in pairs]
        for key in keys:
            if keys.count(key) > 1 and not key.startswith("_"):
                raise InputError(path.name, f'the key "{key}" is given twice', "remove one of them")
        return dict(pairs)

    def finite(name: str) -> float:
        raise InputError(path.name, f"{name} is not a number of JSON", at(name))

    def in_range(literal: str) -> float:
        value = float(literal)
        if math.isinf(value):
            raise InputError(path.name, f"{_shortened(literal)} is too large", at(literal))
        return value

    def whole(literal: str) -> int:
        if len(literal) > MAX_DIGITS:
            raise InputError(path.name, f"{_shortened(literal)} is too large", at(literal))
        return int(literal)

    try:
        return json.loads(
            text,
            object_pairs_hook=once,
            parse_constant=finite,
            parse_float=in_range,
            parse_int=whole,
        )
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        said = "there is a byte order mark" if text.startswith("\ufeff") else error.msg
        remedy = json_mistakes.guess(text, error)
        raise InputError(path.name, f"not valid JSON: {where}: {said}", remedy) from None


def _parse_yaml(path: Path, text: str) -> Any:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        return YAML(typ="safe", pure=True).load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        problem = f"not valid YAML: {where}{error.problem}"
        raise InputError(path.name, problem, _yaml_guess(text, error)) from None
    except YAMLError as error:
        problem = f"not valid YAML: {str(error).splitlines()[0]}"
        raise InputError(path.name, problem, "correct the text") from None
    except ValueError as error:
        raise InputError(path.name, f"not valid YAML: {error}", "correct the text") from None


def _yaml_guess(text: str, error: Any) -> str:
    """What to do about a text that is not YAML."""
    said, mark = str(error.problem), error.context_mark
    opened = f"line {mark.line + 1}" if mark else "a line before"
    if "\\t" in said:
        return "indent by spaces, YAML allows no tabs"
    if "cannot start any token" in said or "undefined alias" in said:
        return "a text that begins with a sign like * or % must be in quotes"
    if "escape" in said:
        return "a backslash in double quotes must be written twice"
    if "duplicate" in said:
        return "remove one of them"
    if "another document" in said:
        return "there must be one object in the file, and nothing behind it"
    if "flow sequence" in str(error.context) or "flow mapping" in str(error.context):
        return f"a bracket of {opened} is not closed, or a comma is missing"
    if "quoted scalar" in str(error.context):
        return f"a quote is missing: the text that begins in {opened} has no end"
    if "mapping values are not allowed" in said:
        return "a quote or an indentation is wrong: a key stands in a line of its own"
    if "could not find expected ':'" in said:
        return f"a colon, and a space behind it, is missing after the key of {opened}"
    return "correct the text there"


def _plain(path: Path, value: Any, keys: tuple[str | int, ...] = ()) -> Any:
    """A value made anew of what JSON has, each place with lists and objects of its own.

    YAML has words for what is no number (.inf, .nan), reads 1e400 as one, dates and sets, and an
    alias is the very object of its anchor: what is filled in at one place would be at the other.
    """
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                where = key_path((*keys, str(key)))
                raise InputError(path.name, f"{where}: the key is not a text", "write it in quotes")
        return {key: _plain(path, item, (*keys, key)) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(path, item, (*keys, index)) for index, item in enumerate(value)]
    if isinstance(value, float) and not math.isfinite(value):
        raise wrong_value(path.name, keys, value, _FINITE)
    if isinstance(value, int) and abs(value) >= 10**MAX_DIGITS:
        raise InputError(path.name, f"{key_path(keys)} is too large", _FINITE)
    if isinstance(value, str) and any("\ud800" <= letter <= "\udfff" for letter in value):
        raise InputError(path.name, f"{key_path(keys)} has half of a character", "write it whole")
    if not isinstance(value, str | int | float | None):
        raise wrong_value(path.name, keys, str(value), "write a text in quotes")
    return value
