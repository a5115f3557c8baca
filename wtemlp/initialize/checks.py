"""Whether ``wtemlp init`` may work in a folder: looked at before anything is written."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from wtemlp.config.keys.init import DataLayout, InitParams
from wtemlp.core.atomic_io import read_record, temporary
from wtemlp.core.errors import InputError
from wtemlp.initialize.packmol import find_packmol
from wtemlp.records.init_result import PARAMETERS, RESULT, load_result

#: Keys that came later, with what folders without them were made with.
_EARLIER = {"data": DataLayout.TOGETHER}


def parameters_of(params: InitParams) -> dict[str, Any]:
    """What the data depend on."""
    record = asdict(params)
    del record["source"], record["output"]
    plain: dict[str, Any] = json.loads(json.dumps(record))
    return plain


def check_init(params: InitParams, root: Path) -> None:
    """Refuse what :func:`~wtemlp.initialize.workflow.run_init` cannot do, before writing anything.

    Raises
    ------
    InputError
        If the output folder holds something else than what an earlier, equal call left.
    MissingEngine
        If there is no Packmol.
    """
    find_packmol()
    output = root / params.output
    where, file = f"{params.source.name}: output", output / PARAMETERS
    if file.is_file():
        mine = parameters_of(params)
        remedy = "put it back from a backup, or give another folder as output"
        other = {**_EARLIER, **read_record(file, remedy)}
        changed = sorted(key for key in mine | other if mine.get(key) != other.get(key))
        if changed:
            raise InputError(
                where,
                f"{output} holds data of another {', '.join(changed)}",
                "give another folder, or remove that one",
            )
        if (output / RESULT).is_file():
            load_result(output)
    # A call that was killed in its first write leaves the beginning of that file.
    elif output.is_dir() and {one.name for one in output.iterdir()} - {temporary(file).name}:
        raise InputError(where, f"{output} is not empty", "give another folder")
