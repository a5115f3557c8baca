"""The files that a ``fp_style`` of DP-GEN names: they are there, and fit the elements."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wtemlp.config.reference.reading import read_reference, reference_problems
from wtemlp.config.schema.plugin_keys import is_own_style
from wtemlp.config.schema.section import Section
from wtemlp.core.errors import InputError

FOLDER = "fp_pp_path"  #: what the keys of `IN_FOLDER` are relative to
#: Relative to the run's folder.
FILES = ("fp_incar", "fp_kpt_file", "external_input_path", "fp_nbands_esti_data")
IN_FOLDER = ("fp_pp_files", "fp_orb_files", "fp_dpks_descriptor")
FORMATS = ("input_fmt", "output_fmt")  #: in ``fp_params`` of ``custom``: dpdata's names
TEMPLATE = "template_fn"  #: in ``fp_params`` of ``cpx``; relative to the run's folder

#: Styles whose ``fp_pp_files`` have one file for each element of ``type_map``.
ONE_AN_ELEMENT = ("vasp", "pwscf", "siesta", "abacus")
#: Styles that need one of some keys, where the schema has each of them optional.
ONE_OF = {
    "abacus": ("user_fp_params", "fp_incar"),
    "cp2k": ("user_fp_params", "external_input_path"),
    "pwscf": ("fp_params", "user_fp_params"),
    "siesta": ("fp_params", "user_fp_params"),
}
BOX_CRITERIA = (
    "length_ratio",
    "height_ratio",
    "wrap_ratio",
    "tilt_ratio",
    "min_distance",
    "min_dist",
)


def check_label_keys(params: Section) -> None:
    """Check what can be checked of a DP-GEN style without looking at files.

    Raises
    ------
    InputError
        At the first mistake.
    """
    style = params["fp_style"]
    if is_own_style(style):
        return
    either = ONE_OF.get(style, ())
    if either and not any(params.get(key) for key in either):
        raise params.missing(either[0], f"add it, or {' or '.join(either[1:])}")
    n_elements = len(params["type_map"])
    lists = [key for key in ("fp_pp_files", "fp_orb_files") if style in ONE_AN_ELEMENT]
    for key in filter(params.__contains__, lists):
        if len(params[key]) != n_elements:
            raise params.wrong(key, f"must have one file per element of type_map ({n_elements})")
    for key in filter(params.__contains__, ("fp_pp_files", "fp_orb_files")):
        for index, name in enumerate(params[key]):
            if not isinstance(name, str) or not name:
                raise params.wrong(key, "must be the name of a file", index)
    if "fp_skip_bad_box" in params:
        _check_bad_box(params)


def _check_bad_box(params: Section) -> None:
    for part in params["fp_skip_bad_box"].split(";"):
        name, _, number = part.partition(":")
        try:
            good = name in BOX_CRITERIA and float(number) > 0
        except ValueError:
            good = False
        if not good:
            known = ", ".join(BOX_CRITERIA)
            remedy = f'"{part}" must be NAME:NUMBER, separated by semicolons; NAME is one of'
            raise params.wrong("fp_skip_bad_box", f"{remedy} {known}")


def label_file_problems(params: Section, root: Path) -> list[InputError]:
    """What is wrong with the files that the ``fp_style`` names; most often, they are not there.

    Parameters
    ----------
    params : Section
        The parameter file.
    root : Path
        The run's folder.
    """
    if is_own_style(params["fp_style"]):
        found = reference_problems(params, read_reference(params), params["type_map"], root)
        return list(found)
    problems = [
        params.wrong(key, f"no such file in {root}")
        for key in FILES
        if key in params and not (root / params[key]).is_file()
    ]
    template = params.section("fp_params") if "fp_params" in params else Section(params.file, {})
    if TEMPLATE in template and not (root / template[TEMPLATE]).is_file():
        problems.append(template.wrong(TEMPLATE, f"no such file in {root}"))
    if FOLDER not in params:
        return problems
    folder = root / params[FOLDER]
    if not folder.is_dir():
        return [*problems, params.wrong(FOLDER, f"no such folder in {root}")]
    for key in filter(params.__contains__, IN_FOLDER):
        names = params[key] if isinstance(params[key], list) else [params[key]]
        for index, name in enumerate(names):
            if not (folder / name).is_file():
                where = index if isinstance(params[key], list) else None
                problems.append(params.wrong(key, f"no such file in {folder}", where))
    return problems


def with_absolute_paths(jdata: Mapping[str, Any], root: Path) -> dict[str, Any]:
    """DP-GEN's dictionary with the files of its ``fp_style`` by absolute paths.

    Parameters
    ----------
    jdata : Mapping
        :attr:`wtemlp.config.records.Params.jdata`.
    root : Path
        The run's folder.
    """
    result = dict(jdata)
    for key in (FOLDER, *FILES):
        if key in result:
            result[key] = str((root / result[key]).resolve())
    if TEMPLATE in result.get("fp_params", {}):
        template = str((root / result["fp_params"][TEMPLATE]).resolve())
        result["fp_params"] = {**result["fp_params"], TEMPLATE: template}
    return result
