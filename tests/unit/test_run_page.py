"""The page that a run keeps of itself."""

import itertools
import json
import logging

import pytest
from click.testing import CliRunner

from tests.support.synthetic import TRUST, TYPE_MAP, write_run
from wtemlp.cli import cli
from wtemlp.core.errors import InputError
from wtemlp.core.paths import RunPaths
from wtemlp.records import state
from wtemlp.records.state import RunState, Step
from wtemlp.records.summary import Summary
from wtemlp.report.data import IterationData, RunData
from wtemlp.report.page import RunFacts, all_figures, render
from wtemlp.session import live_report
from wtemlp.session.live_report import EVERY_S, SHARE, LivePage, write_run_page
from wtemlp.session.lock import locked
from wtemlp.session.progress import Reporter


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A run whose labels of iteration 1 are being made."""
    made = write_run(tmp_path_factory.mktemp("runs") / "water run")
    (made.root / "p.json").write_text(json.dumps({"model_devi_engine": "wte", "_token": "s3cret"}))
    (made.root / "m.json").write_text("{}")
    return made.root


@pytest.fixture
def paths(root):
    paths = RunPaths(root)
    state.save(
        paths,
        RunState(
            seed=5,
            type_map=TYPE_MAP,
            numb_models=4,
            trust=(TRUST,),
            params="p.json",
            machine="m.json",
            n_iterations=2,
            iteration=1,
            step=Step.RUN_LABEL,
            init_data=("data/training",),
            began="2026-01-02 03:04:05",
            platform="Linux",
        ),
    )
    Reporter(paths.live, command="run", files=("p.json", "m.json")).begin()
    return paths


def text(paths, **options) -> str:
    page, *_ = write_run_page(paths.root, **options)
    return page.read_text()


def test_a_run_that_goes_on_says_so_and_loads_itself_again(paths):
    reporter = Reporter(paths.live, command="run", files=())
    with locked(paths):
        reporter._write_live("iteration 1 of 2: label: 3 of 9 tasks done, 2 running, 33 %")
        page = text(paths)
    assert "Running: iteration 1 of 2: label: 3 of 9 tasks done" in page and "As of 20" in page
    assert 'data-refresh="60"' in page
    assert "s3cret" not in page and "2026-01-02 03:04:05" in page


def test_one_that_has_stopped_says_why_and_what_to_type(paths):
    Reporter(paths.live, command="run", files=()).end("task 3 failed <badly>\n  more")
    page = text(paths)
    assert "Stopped in iteration 1 of 2, label: task 3 failed &lt;badly&gt;. To go on: " in page
    assert "data-refresh=" not in page
    page = text(paths, at_work=True, error="no space")
    assert "Stopped in iteration 1 of 2, label: no space" in page


def test_one_that_is_finished(paths):
    done = state.load(paths)
    state.save(paths, RunState(**{**vars(done), "finished": "converged"}))
    page = text(paths, at_work=True)
    assert "Finished: converged." in page and "data-refresh=" not in page


def test_a_page_elsewhere_and_figures_for_papers(paths, tmp_path, monkeypatch):
    asked = {}

    def export(figures, folder):
        asked[folder] = figures
        return []

    monkeypatch.setattr("wtemlp.report.paper.export.export_figures", export)
    result = CliRunner().invoke(
        cli,
        [
            "report",
            str(paths.root),
            "-o",
            str(tmp_path / "x.html"),
            "--figures",
            str(tmp_path / "f"),
        ],
    )
    assert result.exit_code == 0, result.output
    assert f"wrote {tmp_path}/x.html" in result.output
    assert "rmse" in [figure.key for figure in asked[tmp_path / "f"]]


def test_there_is_no_run(tmp_path):
    with pytest.raises(InputError, match="there is no run here"):
        write_run_page(tmp_path)


def test_a_run_keeps_its_page_without_paying_much_for_it(monkeypatch, tmp_path):
    now, spent, written = [0.0], [0.0], []

    def write(root, **_):
        written.append(now[0])
        spent[0] += 3.0
        now[0] += 10.0

    monkeypatch.setattr(live_report, "write_run_page", write)
    page = LivePage(tmp_path, lambda: now[0], lambda: spent[0])
    for _ in range(2000):
        page.keep()
        now[0] += 1.0
    pauses = [b - a for a, b in itertools.pairwise(written)]
    assert written[0] == 0 and all(3.0 / SHARE <= pause < 3.0 / SHARE + 12 for pause in pauses)
    monkeypatch.setattr(live_report, "write_run_page", lambda root, **_: written.append(now[0]))
    page.write()
    before = len(written)
    for _ in range(int(10 * EVERY_S)):
        page.keep()
        now[0] += 1.0
    assert len(written) - before == 9


def test_a_page_that_fails_does_not_end_the_run(monkeypatch, tmp_path, caplog):
    def write(root, **_):
        raise ValueError("a figure")

    monkeypatch.setattr(live_report, "write_run_page", write)
    with caplog.at_level(logging.ERROR):
        LivePage(tmp_path).keep()
    assert "the report could not be written" in caplog.text


def test_a_run_that_only_trains_has_no_empty_figures_of_exploration(tmp_path):
    training = RunData(
        [IterationData(0, Summary(iteration=0, n_train_frames=190))], [], [], [], final=0
    )
    keys = [one.key for one in all_figures(training, ())]
    assert keys == ["learning", "rdf", "timeline", "cost"]
    text = render(training, RunFacts("only trained", (), (), TYPE_MAP, final=0))
    assert "frames, trained on" in text and "Nothing was explored yet" not in text
    assert "Walkers" not in text and "frames labelled" not in text
    explored = RunData([IterationData(0, Summary(iteration=0, explored=9))], [], [], [], final=0)
    assert "outcomes" in [one.key for one in all_figures(explored, ())]
