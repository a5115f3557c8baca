"""The schema of a ``wte`` block."""

from typing import Any

from dargs import Argument

from wtemlp.config.records import DROP, WTE, Guard, WteBlock


def _optional(name: str, kind: Any, default: Any, doc: str) -> Argument:
    return Argument(name, kind, optional=True, default=default, doc=doc)


def wte_block() -> Argument:
    """Schema of ``model_devi_jobs[i].wte``."""
    guard = Argument("guard", dict, _guard(), optional=True, doc="When a walker is stopped.")
    fields = [*_bias(), *_run(), *_own_variables(), *_from_iteration_to_iteration(), guard]
    return Argument("wte", dict, fields, doc="The well-tempered ensemble.")


def _bias() -> list[Argument]:
    return [
        Argument(
            "biasfactor",
            [float, list[float], dict],
            doc='Bias factors; 1 is unbiased MD; {"window_K": [250, 400]}: the one that covers '
            "the energies of these temperatures, from the standard deviation that each task "
            "measures.",
        ),
        _optional(
            "method",
            str,
            WTE,
            '"wte": metadynamics; "opes": the temperatures of window_K alike, by OPES.',
        ),
        _optional(
            "sigma",
            [str, float],
            "auto",
            'Width of the hills with its unit, as "0.5 eV"; "auto": the standard deviation of '
            "the potential energy in the task's NVT part.",
        ),
        _optional("height", [str, float], "auto", 'First height of the hills, kT; "auto" is 0.5.'),
        _optional("pace", int, 100, "Steps between hills."),
        _optional(
            "hills",
            str,
            DROP,
            'What becomes of the hills when the models have been trained anew: "drop": each '
            'walker begins without; "shift": it begins with those of the same walker in the '
            "previous iteration, moved by the difference of the two models' mean energies.",
        ),
    ]


def _run() -> list[Argument]:
    return [
        _optional("nvt_steps", int, 2000, "Unbiased steps before the bias."),
        _optional("walkers", int, 1, "Walkers per structure, temperature and bias factor."),
        _optional(
            "share_hills",
            bool,
            False,
            "Whether these walkers fill one bias together; else they are independent.",
        ),
        _optional(
            "checkpoint",
            int,
            WteBlock.checkpoint,
            "Biased steps between checkpoints, from which a job that was killed goes on; "
            "0: none. A biased part that is not longer has none.",
        ),
    ]


def _own_variables() -> list[Argument]:
    return [
        Argument(
            "plumed",
            [str, list[str]],
            optional=True,
            default="",
            doc="Lines for the PLUMED input (a list), or the file that has them: other collective "
            "variables, walls, ...; lengths in Angstrom, times in ps, energies in eV. The "
            "potential energy is there as `ene`.",
        ),
        Argument(
            "variables",
            list,
            [
                Argument("name", str, doc="Label of a value in those lines."),
                Argument("sigma", float, doc="Width of the hills, in the variable's unit."),
                Argument("min", [float, str], doc='Lower bound of the grid; or "-pi".'),
                Argument("max", [float, str], doc='Upper bound of the grid; or "pi".'),
            ],
            optional=True,
            default=[],
            repeat=True,
            doc="Values of those lines that are biased.",
        ),
        Argument(
            "bias",
            str,
            optional=True,
            default="both",
            doc='"both": the energy, and the variables if there are some; "variables": not the '
            "energy.",
        ),
    ]


def _from_iteration_to_iteration() -> list[Argument]:
    """What an iteration makes of those before it."""
    return [
        Argument(
            "start",
            str,
            optional=True,
            default=WteBlock.start,
            doc='Structures to start from: "given" (sys_configs), "labelled": frames that earlier '
            'iterations have labelled, spread over their energies, or "both"; the given ones where '
            "there is no labelled frame yet.",
        ),
        Argument(
            "n_start",
            int,
            optional=True,
            doc=f"Labelled frames to start from, of each system; {WteBlock.n_start} if not given.",
        ),
        Argument(
            "adapt_biasfactor",
            bool,
            optional=True,
            default=WteBlock.adapt_biasfactor,
            doc="Whether a bias factor most of whose walkers were stopped is halved in the next "
            "iteration, and raised again once most come through.",
        ),
    ]


def _guard() -> list[Argument]:
    def field(name: str, kind: type, doc: str) -> Argument:
        return Argument(name, kind, optional=True, default=getattr(Guard, name), doc=doc)

    return [
        field("devi_factor", float, "Force deviation, in units of the upper trust level ..."),
        field("devi_checks", int, "... that stops a walker on this many successive outputs."),
        field("temp_factor", float, "Temperature that stops it, in units of the target."),
        field(
            "energy_sigmas",
            float,
            "Distance of the energy from the NVT mean that stops it, in units of "
            "sigma_NVT sqrt(biasfactor).",
        ),
    ]
