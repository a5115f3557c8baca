"""A file with all keys that it could have: those that it leaves out are filled in, or told."""

from collections.abc import Mapping
from typing import Any

from dargs import Argument

from wtemlp.config.keys.declare import Key
from wtemlp.config.schema.flat import has_default
from wtemlp.config.schema.json_schema import SCHEMAS
from wtemlp.config.schema.messages import in_words

#: Objects of other programs, with keys of their own: these tell them.
_OTHERS = ("default_training_param",)


def with_all_keys(kind: str, content: Mapping[str, Any]) -> dict[str, Any]:
    """A file's content with the keys that it leaves out.

    A key of wtemlp's that has a default is there with it; of any other there is a comment (a key
    that begins with an underscore) with its type and meaning.

    Parameters
    ----------
    kind : str
        ``"param"``, ``"init"`` or ``"machine"``.
    content : mapping
        The file's.
    """
    return _filled(SCHEMAS[kind](), content)


def _filled(schema: Argument, content: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    known = schema.flatten_sub(dict(content), None)
    for key, value in content.items():
        found[key] = _inside(known[key], value) if key in known else value
    for name, field in known.items():
        names = {name, *field.alias}
        if names & content.keys() or any(f"_{one}" in content for one in names):
            continue
        own = isinstance(field.extra_check, Key) and bool(field.extra_check.doc)
        found[f"_{name}"] = f"{in_words(field.dtype)}: {_meaning(field)}"
        if own and has_default(field):
            found[name] = field.default
    return found


def _inside(field: Argument, value: Any) -> Any:
    if field.name in _OTHERS or not (field.sub_fields or field.sub_variants):
        return value
    if isinstance(value, list):
        return [_filled(field, one) if isinstance(one, dict) else one for one in value]
    return _filled(field, value) if isinstance(value, dict) else value


def _meaning(field: Argument) -> str:
    text = " ".join(field.doc.split())
    return text if len(text) <= 160 else text[:157] + "..."
