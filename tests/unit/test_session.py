"""A running command: its log, the tasks of a stage, what is looked at before it begins."""

import logging
import sys
from dataclasses import replace

import pytest

from tests.support.loop_runs import make_run
from wtemlp.cli import cli, main
from wtemlp.config.machine.sections import load_machines
from wtemlp.config.params import load_params
from wtemlp.core.errors import CalculationError, InputError, MissingEngine
from wtemlp.core.paths import RunPaths
from wtemlp.dispatch.tasks import StageTasks, Task
from wtemlp.preflight.before import Begin, require, show
from wtemlp.preflight.findings import Findings, Level
from wtemlp.records.compatibility import first_state
from wtemlp.session.progress import quiet_reporter
from wtemlp.session.session import at_work, run_log
from wtemlp.session.stage import run_stage
from wtemlp.stages.context import RunContext
from wtemlp.workflow.loop import STEPS, Loop


@pytest.fixture(scope="module")
def context(tmp_path_factory):
    run = make_run(tmp_path_factory.mktemp("session") / "run")
    params = load_params(run.folder / "param.json", run.folder)
    machines = load_machines(run.folder / "machine.json", run.folder)
    return RunContext(params, machines, RunPaths(run.folder))


def test_a_loop_is_made_without_side_effects(context):
    before = sorted(context.paths.root.rglob("*"))
    state = first_state(context.params, context.machines, context.paths)
    loop = Loop(context, state, quiet_reporter())
    assert sorted(context.paths.root.rglob("*")) == before
    assert loop.state is state
    assert all(step is getattr(Loop, step.__name__) for step in STEPS.values())


def test_the_log_is_on_the_programs_own_loggers_as_long_as_a_command_runs(tmp_path):
    paths, said = RunPaths(tmp_path), []
    root = logging.getLogger()
    before = (list(root.handlers), root.level)
    with pytest.raises(ZeroDivisionError), run_log(paths, said.append):
        assert (list(root.handlers), root.level) == before
        logging.getLogger("wtemlp.dispatch").warning("the host does not answer\nmore")
        logging.getLogger("dpdispatcher").warning("theirs")
        logging.getLogger("another").error("not ours")
        raise ZeroDivisionError("a bug")
    logging.getLogger("wtemlp.dispatch").warning("afterwards")
    text = paths.log.read_text()
    assert "the host does not answer" in text and "theirs" in text
    assert "unexpected error" in text and "ZeroDivisionError: a bug" in text
    assert "not ours" not in text and "afterwards" not in text
    assert said == ["the host does not answer"]


def stage_of(context, *commands: str) -> StageTasks:
    folder = context.paths.root / "stage"
    tasks = []
    for number, command in enumerate(commands):
        task = folder / f"t{number}"
        task.mkdir(parents=True, exist_ok=True)
        tasks.append(Task(task.name, task, command, (), ("out",), ("log",)))
    return StageTasks(tasks, folder)


@pytest.mark.parametrize("allowed", [0, 1])
def test_a_stage_whose_tasks_fail_says_what_the_engine_said(context, allowed):
    bad = "echo ERROR: no such potential > log; exit 3"
    stage = stage_of(context, bad, "echo fine > out")
    machines = context.machines
    arguments = (stage, "test", machines.fp, context.paths.root, quiet_reporter())
    if allowed:
        (failed,) = run_stage(*arguments, allowed=allowed)
        assert failed.name == "t0" and "no such potential" in failed.message
        return
    with pytest.raises(CalculationError, match="stage/t0 failed") as error:
        run_stage(*arguments)
    assert "no such potential" in str(error.value)


def test_no_tasks_are_no_stage(context):
    nothing = StageTasks([], context.paths.root / "none")
    assert run_stage(nothing, "t", context.machines.fp, context.paths.root, quiet_reporter()) == []
    assert not nothing.folder.exists()


def test_what_a_command_raises_is_what_check_shows(context):
    """One list: each finding that is an error is what the command would have been refused with."""
    sections = {
        name: replace(getattr(context.machines, name), command="no-such-program")
        for name in ("train", "fp")
    }
    machines = replace(context.machines, **sections)
    begin = Begin(context.paths.root, machines, params=context.params, explores=True, goes_on=True)
    findings = Findings(lambda _: None)
    show(begin, findings)
    errors = [one for one in findings.all if one.level is Level.ERROR]
    assert [one.where for one in errors] == [
        "machine.json: train.command",
        "machine.json: fp.command",
    ]
    with pytest.raises(MissingEngine) as error:
        require(begin)
    assert str(error.value).startswith("machine.json: train.command: no-such-program")
    require(replace(begin, stages=("model_devi",)))
    missing = replace(machines.fp, user_forward_files=("nothing.here",))
    with pytest.raises(InputError, match=r"nothing\.here"):
        require(replace(begin, machines=replace(context.machines, fp=missing)))


def test_the_quiet_reporter_says_nothing(capsys):
    quiet_reporter().say("a line")
    assert capsys.readouterr() == ("", "") and sys.stdout is not None


def test_who_is_interrupted_learns_how_to_end_the_jobs_of_that_run(tmp_path, monkeypatch, capsys):
    run = RunPaths(tmp_path / "a run")
    run.root.mkdir()

    def interrupted(**_) -> None:
        with at_work(run, "run", tmp_path / "param.json", tmp_path / "machine.json", quiet=True):
            raise KeyboardInterrupt

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cli, "main", interrupted)
    with pytest.raises(SystemExit, match="130"):
        main()
    assert capsys.readouterr().err.endswith("or end them with: wtemlp cancel 'a run'\n")
