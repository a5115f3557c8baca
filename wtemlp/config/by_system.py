"""Labels whose settings differ from system to system (``fp_by_system``).

For each system with settings of its own the parameter file is read with these in the place of the
file's, so that every check of a label holds for them, too.
"""

from collections.abc import Mapping
from typing import Any

from wtemlp.config.schema.messages import validated
from wtemlp.config.schema.plugin_keys import schema_for
from wtemlp.config.schema.section import Section
from wtemlp.core.errors import InputError, together

KEY = "fp_by_system"
#: What may differ; the style, the elements and their files are those of the run.
SETTINGS = (
    "fp_incar",
    "fp_params",
    "user_fp_params",
    "k_points",
    "fp_kpt_file",
    "external_input_path",
)


def files_by_system(params: Section) -> dict[int, Section]:
    """The parameter file as it holds for the labels of each system with settings of its own.

    Parameters
    ----------
    params : Section
        The file.

    Raises
    ------
    InputError
        At a system that is not there, or a key that cannot differ.
    """
    found = {}
    given: Mapping[str, Any] = params.get(KEY) or {}
    systems = len(params["sys_configs"])
    for name, block in given.items():
        where = f"{KEY}.{name}"
        if not name.isdecimal() or int(name) >= systems:
            remedy = f"must be an index in sys_configs, 0 to {systems - 1}"
            raise InputError(f"{params.file}: {where}", f'"{name}" is no system', remedy)
        if not isinstance(block, Mapping) or set(block) - set(SETTINGS):
            remedy = f"must be an object with some of {', '.join(SETTINGS)}"
            raise InputError(f"{params.file}: {where}", "cannot be set by system", remedy)
        data = {key: value for key, value in params.data.items() if key != KEY}
        merged = _merged(data, {_as_in(data, key): value for key, value in block.items()})
        try:
            schema = schema_for(merged, params.file)
            found[int(name)] = Section(params.file, validated(schema, merged, params.file))
        except InputError as error:
            raise in_place(error, int(name)) from error
    return found


def in_place(error: InputError, system: int) -> InputError:
    """What is wrong with the settings of a system, said of them."""
    return together(
        [
            type(one)(one.where, f"{one.problem} (with {KEY}.{system})", one.remedy)
            for one in error.each
        ]
    )


def _as_in(data: Mapping[str, Any], key: str) -> str:
    """The name that a key has in a file whose defaults are filled in: DP-GEN has two of one."""
    other = {"fp_params": "user_fp_params", "user_fp_params": "fp_params"}.get(key, key)
    return other if key not in data and other in data else key


def _merged(whole: Mapping[str, Any], part: Mapping[str, Any]) -> dict[str, Any]:
    """One object in another: of objects in it those keys change that are given."""
    inner = {
        key: _merged(whole[key], value)
        for key, value in part.items()
        if isinstance(value, Mapping) and isinstance(whole.get(key), Mapping)
    }
    return {**whole, **part, **inner}
