"""Where a ``dpgen run`` stands, by its record, and what wtemlp writes there itself."""

from dataclasses import replace

import pytest

from wtemlp.cli.status import describe
from wtemlp.core.paths import RunPaths
from wtemlp.records import state
from wtemlp.records.compatibility import moved_to
from wtemlp.records.state import EXHAUSTED, Done, RunState, Step, dpgen_came_to

STATE = RunState(
    seed=1,
    type_map=("O", "H"),
    numb_models=2,
    trust=((0.1, 0.3),),
    params="param.json",
    machine="machine.json",
    n_iterations=2,
)


@pytest.fixture
def paths(tmp_path):
    return RunPaths(tmp_path)


@pytest.mark.parametrize(
    ("text", "last"),
    [
        ("", None),
        ("\n", None),
        ("0 0\n", (0, 0)),
        ("0 0\n0 1", (0, 1)),
        ("0 8\n1 0\n", (1, 0)),
        ("0 0\n0 1\n\n", (0, 1)),  # DP-GEN: "There should not be blank lines"
        ("0 3\n0\n", (0, 3)),
        ("0 3\n0 ", (0, 3)),  # cut; DP-GEN: IndexError
        ("0 3\n0 4 5\n", (0, 3)),
        ("0 3\n0 9\n", (0, 3)),
        ("0 3\nx y\n", (0, 3)),
        ("0 3\n\x00\x00\x00\x00", (0, 3)),  # a machine that lost power
        ("0 3\n  0\t4  \r\n", (0, 4)),
        ("0 5\n0 2\n", (0, 2)),  # the last line counts: so DP-GEN's users go back
    ],
)
def test_the_last_sound_line_counts(paths, text, last):
    paths.record.write_bytes(text.encode())
    assert state.read_recorded(paths) == (last and Done(last[0], Step(last[1])))


def test_no_record_is_no_dpgen_run(paths):
    assert state.read_recorded(paths) is None and dpgen_came_to(paths, None) is None


def test_what_is_written_dpgen_can_read(paths):
    paths.record.write_text("0 0\n\n0 1\n0")
    state.record(paths, 0, Step.POST_TRAIN)
    assert paths.record.read_text() == "0 0\n0 1\n0 2\n"
    state.record(paths, 0, Step.POST_TRAIN)
    assert paths.record.read_text() == "0 0\n0 1\n0 2\n"


@pytest.mark.parametrize("step", list(Step))
def test_the_next_step_is_wtemlps(paths, step):
    paths.record.write_text(f"1 {int(step)}\n")
    came = dpgen_came_to(paths, None)
    moved = moved_to(STATE, came, 2)
    last = step is Step.POST_LABEL
    expected = (2, Step.MAKE_TRAIN) if last else (1, Step(step + 1))
    assert (moved.iteration, moved.step) == expected and not moved.finished
    assert state.done(moved) == came


def test_a_run_that_dpgen_has_finished_is_finished(paths):
    paths.record.write_text("2 2\n")
    moved = moved_to(STATE, dpgen_came_to(paths, None), 2)
    assert (moved.iteration, moved.step, moved.finished) == (2, Step.POST_TRAIN, EXHAUSTED)
    assert dpgen_came_to(paths, moved) is None  # and stays so


@pytest.mark.parametrize(
    ("known", "recorded", "dpgens"),
    [
        ({"step": Step.RUN_TRAIN}, "0 0", False),
        ({"step": Step.RUN_TRAIN}, "0 1", True),
        ({"step": Step.RUN_LABEL}, "0 5", False),  # killed between the state and the record
        ({"iteration": 1}, "0 8", False),
        ({"iteration": 1}, "1 0", True),
        ({}, "0 0", True),
        ({"iteration": 2, "step": Step.POST_TRAIN, "finished": EXHAUSTED}, "2 2", False),
        ({"iteration": 1, "step": Step.POST_TRAIN, "finished": "converged"}, "1 3", True),
    ],
)
def test_a_record_ahead_of_the_state_is_dpgens(paths, known, recorded, dpgens):
    paths.record.write_text(f"{recorded}\n")
    assert (dpgen_came_to(paths, replace(STATE, **known)) is not None) == dpgens


def test_status_knows_a_run_of_dpgen(paths):
    paths.record.write_text("0 0\n0 1\n")
    text = describe(paths.root)
    assert "iteration 0, run train is done" in text and "take it over with: wtemlp run" in text
    state.save(paths, replace(STATE, step=Step.POST_TRAIN, taken_over=((0, 1),)))
    text = describe(paths.root)
    assert "taken over from dpgen run after iteration 0, run train" in text
    assert "no wtemlp is at work" in text
    paths.record.write_text("0 3\n")
    assert "dpgen run has gone on: iteration 0, make explore is done" in describe(paths.root)


def test_the_state_keeps_where_it_was_taken_over(paths):
    state.save(paths, replace(STATE, taken_over=((0, 1), (1, 4))))
    assert state.load(paths).taken_over == ((0, 1), (1, 4))
