"""A walker's shell command, with engines that end well before their time."""

import subprocess

import pytest

from wtemlp.core.paths import ALL_FRAMES, MODEL_DEVI, STOPPED
from wtemlp.dispatch.failures import likely_cause
from wtemlp.md import wte_command

HEADER = "# step max_devi_v min_devi_v avg_devi_v max_devi_f min_devi_f avg_devi_f"


def walk(folder, command, steps, frames="traj/40.lammpstrj", stopped="", file=MODEL_DEVI):
    """Run a command whose engine leaves these steps."""
    rows = "\\n".join([HEADER, *(f"{step} 0 0 0 0.1 0 0" for step in steps)])
    left = f"printf '{rows}\\n' > {file}; touch COLVAR.nvt"
    if frames:
        left += f"; mkdir -p traj; echo x > {frames}"
    if stopped:
        left += f"; echo '{stopped}' > {STOPPED}"
    (folder / "lmp").write_text(f"#!/bin/sh\n{left}\n")
    (folder / "lmp").chmod(0o755)
    return subprocess.run(
        ["bash", "-c", command], cwd=folder, capture_output=True, text=True, timeout=60
    )


COMMANDS = {
    "generated": (wte_command.command("./lmp", 40), MODEL_DEVI),
    "of DP-GEN": (wte_command.template_command("./lmp", None, 40), MODEL_DEVI),
    "beads": (wte_command.template_command("./lmp", 4, 40), "model_devi1.out"),
}


@pytest.mark.parametrize("kind", COMMANDS)
@pytest.mark.parametrize(
    ("steps", "frames", "stopped", "said"),
    [
        ((0, 10, 20, 30, 40), "traj/40.lammpstrj", "", ""),
        ((0, 10, 20, 30, 40), ALL_FRAMES, "", ""),
        ((0, 10, 20), "traj/20.lammpstrj", "", "the engine ended at step 20 of 40"),
        ((), "traj/0.lammpstrj", "", "the engine ended at step 0 of 40"),
        ((0, 10, 20, 30, 40), "", "", "the engine has written no frame, though"),
        ((0, 10, 20), "traj/20.lammpstrj", "temperature 900 K at step 20", ""),
    ],
)
def test_a_walker_that_ends_early_has_failed(tmp_path, kind, steps, frames, stopped, said):
    command, file = COMMANDS[kind]
    done = walk(tmp_path, command, steps, frames, stopped, file)
    assert done.returncode == (wte_command.INCOMPLETE if said else 0), done.stderr
    assert said in done.stderr and bool(done.stderr) == bool(said)
    if said:
        assert likely_cause(done.stderr, done.returncode)[0].startswith(said)


def test_a_template_that_stores_no_frame_has_failed(tmp_path):
    """Its steps nobody knows, its frames must be there."""
    command = wte_command.template_command("./lmp", None, 0)
    assert walk(tmp_path, command, (0, 10)).returncode == 0
    again = tmp_path / "again"
    again.mkdir()
    assert walk(again, command, (0, 10), frames="").returncode == wte_command.INCOMPLETE


def test_a_checkpoint_of_a_walker_that_ended_early_is_given_up(tmp_path):
    """The next attempt begins again: it would end there once more."""
    (tmp_path / "walker.restart").touch()
    (tmp_path / "COLVAR.nvt").touch()
    (tmp_path / MODEL_DEVI).write_text(f"{HEADER}\n0 0 0 0 0.1 0 0\n10 0 0 0 0.")
    done = walk(tmp_path, wte_command.command("./lmp", 40), (10, 20))
    assert done.returncode == wte_command.INCOMPLETE
    assert not (tmp_path / "walker.restart").exists()
    rows = [line for line in (tmp_path / MODEL_DEVI).read_text().splitlines() if line[0] != "#"]
    assert [len(row.split()) for row in rows] == [7, 5, 7, 7]  # the cut row is one of its own
