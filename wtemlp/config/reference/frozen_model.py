"""The elements of a frozen Deep Potential, read without its back end."""

import re
from pathlib import Path

#: The constant ``model_attr/tmap`` of a TensorFlow graph: one string, after its length.
_TYPE_MAP = re.compile(rb"model_attr/tmap\x12\x05Const.{0,60}?\x08\x07\x12\x00B", re.DOTALL)


def type_map_of(model: Path) -> tuple[str, ...] | None:
    """The elements of a frozen model; None where it is of another back end than TensorFlow.

    Parameters
    ----------
    model : Path
        A file.
    """
    content = model.read_bytes() if model.suffix == ".pb" else b""
    found = _TYPE_MAP.search(content)
    if found is None:
        return None
    length, shift, place = 0, 0, found.end()
    while True:  # a number of as many bytes of seven bits as it needs
        length |= (content[place] & 127) << shift
        place, shift = place + 1, shift + 7
        if content[place - 1] < 128:
            break
    return tuple(content[place : place + length].decode(errors="replace").split())
