"""Outputs that a user makes by hand are taken, or refused and left; nothing is removed."""

import subprocess

import pytest

from tests.support import fp_outputs
from tests.support.label_inputs import STYLES, prepared
from wtemlp.core import paths
from wtemlp.core.errors import CalculationError
from wtemlp.dispatch import script, task_status
from wtemlp.stages import label, label_frames


def failed(tmp_path, style):
    """An iteration whose calculations have all failed, each with a file that it left."""
    context = prepared(tmp_path, style)
    folders = label_frames.frame_folders(context.paths, 0)
    for folder in folders:
        (folder / script.LOCK).write_text("./.\njob\n")
        (folder / "core").write_text("left by the program\n")
    with pytest.raises(CalculationError, match="failed for 3 of 3 frames"):
        label.collect(context, 0)
    return context, folders


def by_hand(style, folder, of=None):
    fp_outputs.STYLES[style](folder, fp_outputs.sample((of or folder) / paths.POSCAR))


@pytest.mark.parametrize("style", sorted(STYLES))
def test_an_output_made_by_hand_is_taken(tmp_path, style):
    context, folders = failed(tmp_path, style)
    for folder in folders[:2]:
        by_hand(style, folder)
    said = label.take_by_hand(context, 0)
    words = "the output that is there is taken as its label"
    assert said == [f"{folder.name}: {words}" for folder in folders[:2]]
    assert [task_status.has_finished(folder) for folder in folders] == [True, True, False]
    tasks, _ = label.tasks(context, 0)
    for task in tasks[:2]:  # so that the dispatcher has them for finished, too
        assert all((task.folder / name).exists() for name in script.declared(task))
    object.__setattr__(context.params, "ratio_failed", 0.5)
    assert label.collect(context, 0)[0] == 2


@pytest.mark.parametrize("style", ["vasp", "cp2k", "gaussian"])
def test_an_output_of_another_frame_is_refused_and_stays(tmp_path, style):
    context, folders = failed(tmp_path, style)
    by_hand(style, folders[0], of=folders[1])
    before = {file: file.read_bytes() for file in folders[0].rglob("*") if file.is_file()}
    for _ in range(2):  # the same command says the same
        with pytest.raises(CalculationError) as caught:
            label.take_by_hand(context, 0)
        said = str(caught.value)
        assert f"by hand is no label: {folders[0].name}: the labelled positions or cell" in said
        assert "correct it, or remove it" in said
    assert {file: file.read_bytes() for file in folders[0].rglob("*") if file.is_file()} == before


def test_what_a_program_leaves_in_later_attempts_is_not_the_users(tmp_path):
    context, folders = failed(tmp_path, "vasp")
    assert label.take_by_hand(context, 0) == []
    (folders[0] / "OUTCAR").write_text("half an output, as a killed program leaves it\n")
    assert label.take_by_hand(context, 0) == []


def test_an_output_made_before_any_calculation(tmp_path):
    """As where the frames are labelled elsewhere; one that is no label is calculated."""
    context = prepared(tmp_path, "vasp")
    first, second, third = label_frames.frame_folders(context.paths, 0)
    by_hand("vasp", first)
    by_hand("vasp", second, of=first)
    taken, told = label.take_by_hand(context, 0)
    assert first.name in taken and "is taken as its label" in taken
    assert second.name in told and "it is calculated" in told
    done = [task_status.has_finished(folder) for folder in (first, second, third)]
    assert done == [True, False, False]


@pytest.mark.parametrize("name", ["notes.txt", "mine/notes.txt", "with blank.txt"])
def test_another_attempt_leaves_other_files_of_the_users(tmp_path, name):
    context, folders = failed(tmp_path, "vasp")
    note = folders[0] / name
    note.parent.mkdir(exist_ok=True)
    note.write_text("made by hand\n")
    label.take_by_hand(context, 0)
    task = label.tasks(context, 0)[0][0]
    text = script.task_command(task, "again", task.forward, clean=True)
    subprocess.run(["bash", "-c", text], cwd=folders[0], check=False, capture_output=True)
    assert note.read_text() == "made by hand\n"
    assert not (folders[0] / "core").exists()  # what the attempt before has left
