"""The shell command of a walker's job: LAMMPS, and what comes before and after it."""

from wtemlp.core import paths
from wtemlp.md import wte_script
from wtemlp.md.trajectory import bead_names

BEFORE = ".before"  #: suffix of what a job that goes on from a checkpoint has found
KILLED = "129|130|137|143|152"  #: exit status of what was ended from outside: no failure of its own

#: LAMMPS errors that mean that the walker left the physical world, not that the job is broken.
UNPHYSICAL = (
    "Lost atoms|Non-numeric|Bond atoms? .* missing|Out of range atoms|"
    "Neighbor list overflow|Too many neighbor bins|"
    "outside the grid|Atoms have left|box dimensions|"
    "[^A-Za-z/_-]-?[Nn]a[Nn]([^A-Za-z/_-]|$)|floating point"
)


INCOMPLETE = 122  #: exit status of a job whose engine ended well, but not all of its work is there


def command(lmp: str, last: int | None = None, frames: str = paths.ALL_FRAMES) -> str:
    """The shell command of a task.

    Parameters
    ----------
    lmp : str
        LAMMPS.
    last : int, optional
        The last step of which the models' deviations are to be there (:func:`whole`); by default
        that is not looked at.
    frames : str, optional
        The file or folder of its frames.

    A LAMMPS error that says that the walker has blown up is a result (the walker is stopped),
    not a failure of the task; it may come before anything was recorded.  Where there is a
    checkpoint, what the killed job has recorded is kept before LAMMPS begins the files anew, and
    put before the new at the end; where there is none, nothing of an earlier attempt is.  Nor is a
    checkpoint gone on from whose record is not there: what a failed task has left is moved home.

    Where LAMMPS itself has failed, or nothing was gained since the checkpoint that the job went on
    from, the state may be what is wrong: the checkpoint is given up, and the next attempt begins
    anew.  After a kill, or a failure of something else, it goes on.
    """
    continued = (paths.MODEL_DEVI, paths.LMP_LOG)
    # A row that is cut must not run into what comes next.
    keep = " ".join(
        f'cat {name} >> {name}{BEFORE}; [ -z "$(tail -c 1 {name}{BEFORE})" ]'
        f" || echo >> {name}{BEFORE};"
        for name in continued
    )
    keep += "".join(f" {_cut_last(name)}" for name in (paths.HILLS, paths.DELTAFS))
    join = " ".join(
        f"if [ -f {name}{BEFORE} ]; then cat {name} >> {name}{BEFORE}"
        f" && mv {name}{BEFORE} {name}; fi;"
        for name in continued
    )
    shared = wte_script.SHARED_HILLS
    home = f"if [ -f {shared} ]; then cp -f $(cat {shared}) {paths.HILLS}; fi;"
    # By name: a file of the user's own may be called plumed.pdb.
    earlier = " ".join(
        (frames, paths.MODEL_DEVI, paths.COLVAR_NVT, paths.STOPPED, paths.SIGMA)
        + (wte_script.VARIABLES, shared, *(f"{name}{BEFORE}" for name in continued))
        + (paths.COLVAR_WTE, paths.HILLS, paths.DELTAFS, *wte_script.PLUMED_FILES, "bck.*")
    )
    made = (paths.MODEL_DEVI, paths.COLVAR_NVT)
    return (
        f"{_mend_shared()} if [ -f {paths.CHECKPOINT} ] && [ -f {paths.COLVAR_NVT} ]; then"
        f" rm -f {paths.STOPPED}; {keep}"
        f" else rm -rf {paths.CHECKPOINT}* {paths.PROGRESS} {earlier}; fi;"
        f" began={_COME}; {_run(lmp, '', made, _give_up(), frames)}"
        f" && {{ {join} {home} rm -f {paths.CHECKPOINT}* {paths.PROGRESS}; }}"
        f"{'' if last is None else f' && {whole(last)}'}"
    )


def whole(last: int, deviations: str = paths.MODEL_DEVI) -> str:
    """A shell command that fails, and says why, where a walker has ended before its last step.

    An engine may end with exit status 0 before its time: at a time limit of its own, say.  A
    walker that the guard stopped has said so.

    Parameters
    ----------
    last : int
        The last step of which the models' deviations are to be there; 0: not known.
    deviations : str
        The file that they are in.
    """
    step = "!/^#/ && $1 ~ /^[0-9]+$/ { s = $1 } END { print s + 0 }"
    short = f"wtemlp: the engine ended at step $step of {last}, though with exit status 0"
    none = "wtemlp: the engine has written no frame, though its exit status is 0"
    fails = f">&2; (exit {INCOMPLETE}); "
    return (
        f"if [ -f {paths.STOPPED} ]; then :; else step=$(awk '{step}' {deviations});"
        f' if [ "$step" -lt {last} ]; then echo "{short}" {fails}'
        f'elif [ ! -s {paths.ALL_FRAMES} ] && [ -z "$(ls {paths.TRAJ} 2>/dev/null)" ];'
        f' then echo "{none}" {fails}fi; fi'
    )


_COME = f"$(cat {paths.PROGRESS} 2>/dev/null)"  #: the step of the last checkpoint


def _mend_shared() -> str:
    """Cut an incomplete last line off the shared hills, in place: other walkers read the file."""
    shared = wte_script.SHARED_HILLS
    return f"if [ -f {shared} ]; then own=$(cat {shared}); {_cut_last('$own')} fi;"


def _cut_last(name: str) -> str:
    """Cut what comes after the last end of line: a row that is not whole, or zero bytes."""
    return (
        f"if [ -n \"$(tail -c 1 {name} 2>/dev/null | tr '\\000' 0)\" ];"
        f" then truncate -s -$(tail -n 1 {name} | wc -c) {name}; fi;"
    )


def _give_up() -> str:
    """Remove the checkpoint after a failure that the state may have caused."""
    return (
        f'case $code in {KILLED}) ;; *) if [ $code -gt 128 ] || [ "{_COME}" = "$began" ]'
        f" || grep -q '^ERROR' {paths.LMP_LOG};"
        f" then rm -f {paths.CHECKPOINT}* {paths.PROGRESS}; fi;; esac"
    )


def template_command(
    lmp: str, n_beads: int | None = None, last: int | None = None, frames: str = paths.TRAJ
) -> str:
    """The shell command of a task with scripts of the user's own.

    It begins anew, in a folder that the dispatcher has cleaned.  ``restart`` is the variable that
    DP-GEN gives to its scripts.  The beads of a path integral are partitions of one process each.
    """
    file = paths.MODEL_DEVI if n_beads is None else f"model_devi{bead_names(n_beads)[0]}.out"
    then = "" if last is None else f" && {whole(last, file)}"
    if n_beads is None:
        return _run(lmp, " -var restart 0", (paths.MODEL_DEVI,), frames=frames) + then
    return _run(lmp, f" -partition {n_beads}x1 -var restart 0", ()) + then


def _run(
    lmp: str,
    switches: str,
    recorded: tuple[str, ...],
    failed: str = ":",
    frames: str = paths.TRAJ,
) -> str:
    """LAMMPS, and a note if it says that the walker has left the physical world.

    `failed` is what to do when something else was wrong.
    """
    make = "touch" if frames == paths.ALL_FRAMES else "mkdir -p"
    noted = f"grep -m 1 -E 'ERROR.*({UNPHYSICAL})' {paths.LMP_LOG} > {paths.STOPPED}"
    touched = f"touch {' '.join(recorded)}" if recorded else "false"
    return (
        f"{make} {frames} && {{ {lmp} -in {paths.LMP_INPUT}{switches} -log {paths.LMP_LOG}"
        f" -screen none || {{ code=$?; {{ {noted} && {touched}; }}"
        f" || {{ rm -f {paths.STOPPED}; {failed}; (exit $code); }}; }}; }}"
    )
