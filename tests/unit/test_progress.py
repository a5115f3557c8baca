"""How far a stage is, and how long it will take."""

import pytest

from wtemlp.dispatch.tasks import Progress, Task
from wtemlp.session import progress
from wtemlp.session.progress import StageProgress


@pytest.fixture
def clock(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def counts(running: int, ended: tuple[str, ...] = ()) -> Progress:
    active = tuple(f"t{i}" for i in range(running))
    return Progress(0, running, len(ended), 0, active=active, ended=ended)


def test_the_time_that_an_engine_takes_to_start_is_no_measure_of_its_steps(clock, tmp_path):
    """Forty seconds to start, then 1 % a second: not 33 minutes at 2 %."""
    steps = [0]
    tasks = [Task(f"t{i}", tmp_path, "", (), (), steps=100) for i in range(2)]
    stage = StageProgress("train", tasks, lambda folder: steps[0])
    for second in range(0, 60, 5):
        clock[0], steps[0] = 1000.0 + second, max(0, second - 40)
        stage.update(counts(2))
        if second <= 45:
            assert stage.seconds_left is None
        else:
            assert stage.seconds_left == pytest.approx(140 - second, rel=0.01)


def test_tasks_whose_steps_are_not_known_are_counted(clock, tmp_path):
    tasks = [Task(f"t{i}", tmp_path, "", (), ()) for i in range(2)]
    stage = StageProgress("label", tasks, lambda folder: 0)
    stage.update(counts(2))
    assert stage.seconds_left is None
    clock[0] += 100
    stage.update(counts(1, ("t0",)))
    assert stage.seconds_left == pytest.approx(100)
