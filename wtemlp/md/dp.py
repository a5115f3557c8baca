"""``wtemlp dp``: several ``dp`` commands in one process.

``wtemlp dp train input.json + freeze + compress`` does what ``dp train input.json && dp freeze &&
dp compress`` does, and imports TensorFlow once instead of three times (4-7 s each, which is
most of a short training).  A lone ``+`` stands between the commands; a ``+-`` before one that may
fail.
"""

import gc
import os
import sys
import traceback
from collections.abc import MutableMapping, Sequence
from contextlib import suppress
from pathlib import Path

from wtemlp.core import process_copies
from wtemlp.core.quiet import quiet_loading, quiet_tensorflow

FRONT_END = "wtemlp dp"
#: What a job of several tasks starts beside them: they import TensorFlow once.
BESIDE = f"{FRONT_END} {process_copies.SHARE}"
SEPARATOR = "+"
MAY_FAIL = "+-"  #: in its place: what comes after may fail, and the next goes on
_WORKS = ("train", "freeze", "compress", "test")
_OF_OTHERS = (".pth", ".pt", ".pt2", ".pte", ".jax", ".hlo", ".savedmodel")  #: back ends' models
#: When Python looks for garbage: seldom.  Importing TensorFlow and building a graph make objects by
#: the million that stay; looking through them by the default (700, 10, 10) is a seventh of the time
#: of a short training.
SELDOM = (100_000, 50, 100)


def chained(program: str, commands: Sequence[str]) -> str:
    """A shell command that does several of `dp`'s in turn, in one process where that is possible.

    Parameters
    ----------
    program : str
        A machine section's command, as ``dp`` or :data:`FRONT_END`.
    commands : sequence of str
        Without the program, as ``"test -m graph.pb -s data"``.
    """
    if program == FRONT_END:
        return f"{program} {f' {SEPARATOR} '.join(commands)}"
    return " && ".join(f"{program} {command}" for command in commands)


def split_commands(args: Sequence[str]) -> list[tuple[list[str], bool]]:
    """The argument lists of the single commands, and whether each must succeed.

    Raises
    ------
    ValueError
        If a command is empty.
    """
    commands: list[tuple[list[str], bool]] = [([], True)]
    for arg in args:
        if arg in (SEPARATOR, MAY_FAIL):
            commands.append(([], arg == SEPARATOR))
        else:
            commands[-1][0].append(arg)
    if not all(words for words, _ in commands):
        raise ValueError(f"no command before or after a '{SEPARATOR}'")
    return commands


def tune(environ: MutableMapping[str, str]) -> None:
    """Spare TensorFlow what a training on one core does not need.

    One thread between operations is the caller's own (-1, see TensorFlow's ``ConfigProto``) and no
    other one that each operation is handed over to: up to 1.6 times as many steps a second.  The
    threads within an operation are set by the first session of a process, which is that of the
    neighbour statistics and knows nothing of DeePMD-kit's number, so TensorFlow is told itself
    (1.35 times as many steps with two trainings on two cores).  Of the two Keras that TensorFlow
    loads unasked, DeePMD-kit needs neither: the one that is not installed costs no time (2 of the
    7 s that the import takes).

    Parameters
    ----------
    environ : mutable mapping
        The environment; what the user has set stays, but for the one thread.
    """
    if environ.get("DP_INTER_OP_PARALLELISM_THREADS") == "1":
        environ["DP_INTER_OP_PARALLELISM_THREADS"] = "-1"
    if within := environ.get("DP_INTRA_OP_PARALLELISM_THREADS"):
        environ.setdefault("TF_NUM_INTRAOP_THREADS", within)
    environ.setdefault("TF_USE_LEGACY_KERAS", "1")
    quiet_tensorflow(environ)


def forget_graph() -> None:
    """Begin with an empty graph, as a new process would.

    A training's graph, if kept, is looked through in all that comes after it (a third of the time
    of a compression).
    """
    if tensorflow := sys.modules.get("tensorflow"):
        tensorflow.compat.v1.reset_default_graph()


def _by_tensorflow(command: Sequence[str]) -> bool:
    """Whether a command loads TensorFlow: no other back end is named, by itself or by a model."""
    default = os.environ.get("DP_BACKEND", "tensorflow") == "tensorflow"
    return default and command[0] in _WORKS and not any(w.endswith(_OF_OTHERS) for w in command)


def load(environ: MutableMapping[str, str], by_tensorflow: bool = True) -> bool:
    """Import DeePMD-kit, and TensorFlow if it is to be used; whether DeePMD-kit is there."""
    tune(environ)
    gc.set_threshold(*SELDOM)
    try:
        import deepmd.main
    except ImportError:
        return False
    if by_tensorflow:
        with quiet_loading(), suppress(ImportError):  # another back end may be the only one
            import deepmd.tf  # noqa: F401
    return True


def load_all() -> bool:
    """The same, and what a training, freezing, compressing and testing import later."""
    if not _by_tensorflow(_WORKS) or not load(os.environ):
        return False
    with suppress(ImportError):
        import deepmd.entrypoints.test
        import deepmd.tf.entrypoints.main  # noqa: F401
    return True


def do(words: Sequence[str]) -> None:
    """One command of DeePMD-kit's.

    ``dp test`` is called past the module that has all commands without a back end: for one of them
    that imports a database of the elements (a second).
    """
    import deepmd.main as program

    args = program.parse_args(list(words))
    if args.command != "test":
        program.main(list(words))
        return
    from deepmd.backend.backend import Backend
    from deepmd.backend.suffix import format_model_suffix
    from deepmd.entrypoints.test import test
    from deepmd.loggers.loggers import set_log_handles

    set_log_handles(args.log_level, Path(args.log_path) if args.log_path else None)
    args.model = format_model_suffix(
        args.model,
        feature=Backend.Feature.DEEP_EVAL,
        preferred_backend=args.backend,
        strict_prefer=False,
    )
    test(**vars(args))


def run(args: Sequence[str]) -> int:
    """Run commands in turn in this process; the first that fails and must not ends the chain.

    Returns
    -------
    int
        Exit code: 0, 2 for a missing DeePMD-kit, else what DeePMD-kit says.
    """
    commands = split_commands(args)
    if not load(os.environ, _by_tensorflow(commands[0][0])):
        print(
            "wtemlp dp: DeePMD-kit is not installed; pip install 'wtemlp[laptop]'",
            file=sys.stderr,
        )
        return 2
    for command, must in commands:
        forget_graph()
        try:
            do(command)
        except Exception as error:
            # DeePMD-kit's own failure, whatever it is: for the task's log, with its origin.
            traceback.print_exc()
            name = next((word for word in command if not word.startswith("-")), command[0])
            print(f"wtemlp dp: dp {name} failed: {error}", file=sys.stderr)
            if must:
                return 1
    return 0


def main(args: Sequence[str]) -> int:
    """Run the commands, in a copy of the job's process or in this one.

    Returns
    -------
    int
        Exit code: 2 for wrong usage, else that of :func:`run`.
    """
    if list(args) == [process_copies.SHARE]:
        return process_copies.serve(load_all, run)
    try:
        commands = split_commands(args)
    except ValueError as error:
        print(f"wtemlp dp: {error}", file=sys.stderr)
        return 2
    done = process_copies.ask(args) if _by_tensorflow(commands[0][0]) else None
    return run(args) if done is None else done


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
