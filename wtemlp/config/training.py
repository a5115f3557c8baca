"""The DeePMD-kit input that the models are trained with (``default_training_param``)."""

from collections.abc import Sequence

from wtemlp.config.records import TENSORFLOW
from wtemlp.config.schema.section import Section
from wtemlp.core.errors import NotRunnable
from wtemlp.dpgen import adapter

# DeePMD-kit 3.2's names of the two ways to give the length of a training.
STEPS = ("numb_steps", "stop_batch", "num_step", "num_steps", "numb_step")
EPOCHS = ("numb_epoch", "num_epoch", "num_epochs", "numb_epochs")

MAX_LENGTH = 10**12  #: steps or epochs: at 1000 steps a second, more than 30 years

_KEY = "default_training_param"
#: Keys of a model that has no descriptor of its own: branches, parts, a type with defaults.
_WITHOUT_DESCRIPTOR = ("model_dict", "models", "shared_dict", "type")

#: Descriptors that take one list of types for all frames.
PLAIN = (
    "loc_frame",
    "se_a",
    "se_e2_a",
    "se_r",
    "se_e2_r",
    "se_e3",
    "se_at",
    "se_a_3be",
    "se_t",
    "se_a_tpe",
    "se_a_ebd",
    "se_a_tpe_v2",
    "se_a_ebd_v2",
    "se_a_mask",
)


def model_suffix(params: Section) -> str:
    """How the names of the models end, as ``.pb``.

    Raises
    ------
    NotRunnable
        If DP-GEN does not know the back end or the format, or they do not go together.
    """
    backend, given = params.get("train_backend", TENSORFLOW), params.get("model_format")
    if backend == TENSORFLOW and given is None:
        return ".pb"
    try:
        return adapter.model_suffix({**params.data, "model_devi_engine": "lammps"})
    except ValueError as error:
        key = "train_backend" if given is None else "model_format"
        raise NotRunnable.of(params.wrong(key, f"DP-GEN says: {error}")) from error


def training_members(params: Section) -> list[Section]:
    """DeePMD-kit's input: one for all models, or one for each."""
    if isinstance(params[_KEY], dict):
        return [params.section(_KEY)]
    return params.sections(_KEY)


def descriptors(params: Section) -> list[Section]:
    """The descriptors of all models, parts of hybrid ones instead of these."""
    return [one for member in training_members(params) for one in descriptors_of(member)]


def descriptors_of(member: Section) -> list[Section]:
    """Those of one model."""
    model = member.get("model")
    if not isinstance(model, dict) or not isinstance(model.get("descriptor"), dict):
        return []
    return _parts(member.section("model").section("descriptor"))


def _parts(descriptor: Section) -> list[Section]:
    return descriptor.sections("list") if isinstance(descriptor.get("list"), list) else [descriptor]


def check_training(params: Section, type_map: Sequence[str]) -> None:
    """Check what DeePMD-kit would complain about only once the training has started.

    Parameters
    ----------
    params : Section
        The parameter file.
    type_map : sequence of str
        Its elements.
    """
    members = training_members(params)
    if not isinstance(params[_KEY], dict) and len(members) != params["numb_models"]:
        remedy = f"must be one object, or a list of numb_models ({params['numb_models']})"
        raise params.wrong(_KEY, remedy)
    for member in members:
        _check_length(_object(member, "training"))
        _check_model(_object(member, "model"), type_map)


def _object(section: Section, key: str) -> Section:
    if key not in section:
        error = section.missing(key, "add it: an object, as in DeePMD-kit's input")
        raise NotRunnable.of(error)  # DP-GEN's schema does not look inside
    if not isinstance(section[key], dict):
        raise section.wrong(key, "must be an object")
    return section.section(key)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _check_length(training: Section) -> None:
    """Exactly one of a number of steps and a number of epochs, and it is positive."""
    given = [key for key in (*STEPS, *EPOCHS) if key in training]
    if not given:
        error = training.missing(STEPS[0], f"give {STEPS[0]} or {EPOCHS[0]}")
        raise NotRunnable.of(error)
    if len(given) > 1:
        raise training.wrong(given[1], f"give either {given[0]} or {given[1]}, not both")
    value = training[given[0]]
    if given[0] in STEPS:
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise training.wrong(given[0], "must be a positive integer")
    elif not _is_number(value) or not value > 0:
        raise training.wrong(given[0], "must be a positive number")
    if value > MAX_LENGTH:
        raise training.wrong(given[0], f"must be {MAX_LENGTH} or less")


def _check_model(model: Section, type_map: Sequence[str]) -> None:
    own = model.get("type_map")
    if own is not None and own != list(type_map):
        names = ", ".join(f'"{name}"' for name in type_map)
        raise model.wrong("type_map", f"must be the same as type_map ([{names}]), or left out")
    if "descriptor" not in model and any(key in model for key in _WITHOUT_DESCRIPTOR):
        return
    descriptor = _object(model, "descriptor")
    for one in _parts(descriptor):
        _check_descriptor(one, type_map)


def _check_descriptor(descriptor: Section, type_map: Sequence[str]) -> None:
    rcut, smooth = descriptor.get("rcut"), descriptor.get("rcut_smth")
    if rcut is not None and not (_is_number(rcut) and rcut > 0):
        raise descriptor.wrong("rcut", "must be a positive number (Angstrom)")
    if _is_number(rcut) and smooth is not None and not (_is_number(smooth) and smooth < rcut):
        raise descriptor.wrong("rcut_smth", f"must be a number below rcut ({rcut})")
    sel = descriptor.get("sel")
    kind = str(descriptor.get("type", ""))
    if isinstance(sel, list) and kind.startswith(("se_a", "se_e2")) and len(sel) != len(type_map):
        raise descriptor.wrong("sel", f"must have one number per element ({len(type_map)})")
