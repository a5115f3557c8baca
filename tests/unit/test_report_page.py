"""The page: self-contained, complete, and sound for runs in every state."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import gamma

from tests.support.pages import Page
from tests.support.synthetic import SIGMA_NVT_EV, TRUST, TYPE_MAP, SyntheticRun, write_run
from tests.support.synthetic_validation import validation
from wtemlp.analysis.frames import load_frames, save_frames
from wtemlp.config.schema.read_files import Kind
from wtemlp.core import paths
from wtemlp.core.errors import InputError
from wtemlp.core.units import KB_EV
from wtemlp.dispatch.journal import JOURNAL
from wtemlp.records import validation_record
from wtemlp.records.summary import read_summary, save_summary
from wtemlp.report.input_files import InputFile, read_input
from wtemlp.report.page import RunFacts, write_report

FIGURES = [
    "energy",
    "rmse",
    "learning",
    "sigma",
    "outcomes",
    "deviation",
    "rdf",
    "timeline",
    "cost",
]
PARAM = {
    "model_devi_engine": "wte",
    "fp_style": "lammps",
    "fp_params": {"force_field": "tip3p-flexible"},
    "model_devi_jobs": [{"ensemble": "nvt", "wte": {"biasfactor": [1, 16, 64]}}],
}


def _facts(run: SyntheticRun, **changes) -> RunFacts:
    return RunFacts(
        **{
            "title": "Water <27> & more",
            "root": Path(),
            "trust": (TRUST,),
            "init_data": run.init_data,
            "type_map": TYPE_MAP,
            "versions": {"wtemlp": "0.1.0", "LAMMPS": "2025.7.22"},
            "facts": {"seed": "11"},
            "inputs": [InputFile("param.json", PARAM)],
            **changes,
        }
    )


def _page(run: SyntheticRun, **changes) -> Page:
    target = write_report(run.root, _facts(run, **changes))
    assert target == run.root / "report.html"
    return Page(target)


def _plots(page: Page, key: str) -> list[dict]:
    return [plot for name, plot in page.plots.items() if name.split("-")[0] == key]


@pytest.fixture
def synthetic_run(tmp_path):
    return write_run(tmp_path)


def test_a_whole_run(synthetic_run):
    page = _page(synthetic_run)
    assert page.loads == ["data:,"]
    assert [i for i in page.ids if i.startswith("figure-")] == [f"figure-{k}" for k in FIGURES]
    counts = {key: len(_plots(page, key)) for key in FIGURES}
    assert counts == {
        "rmse": 2,
        "learning": 3,
        "outcomes": 1,
        "deviation": 2,
        "energy": 1,
        "sigma": 1,
        "rdf": 2,
        "timeline": 1,
        "cost": 1,
    }
    assert set(page.plots) <= set(page.ids)
    assert "Water <27> & more" in page.words
    for word in ("frames labelled", "the guard stopped 1 of 3 walkers", "2025.7.22", "Bonomi"):
        assert word in page.words
    assert page.words.count("Look for") == len(FIGURES)


def test_energies_are_shown_against_their_prediction(synthetic_run):
    plot = _plots(_page(synthetic_run), "energy")[0]
    assert len(plot["views"]) == 2
    shown = [trace for trace, on in zip(plot["data"], plot["views"][-1], strict=True) if on]
    assert [t["name"] for t in shown] == [
        "NVT",
        "NVT, predicted",
        "γ = 1",
        "γ = 1, predicted",
        "γ = 16",
        "γ = 16, predicted",
        "γ = 16 reweighted",
        "γ = 64",
        "γ = 64, predicted",
    ]
    heights = {t["name"]: max(t["y"]) for t in shown}
    # Gamma distributions of the heat capacity that sigma_NVT shows, K kT wide for 64
    k = (SIGMA_NVT_EV / (KB_EV * 300.0)) ** 2
    shape = (k - 1) / 64 + 1
    exact = 64 * gamma.pdf(k - 1, k) / gamma.pdf(shape - 1, shape)
    lower = heights["NVT, predicted"] / heights["γ = 64, predicted"]
    assert lower == pytest.approx(exact, rel=0.02)
    for trace in shown:
        if "predicted" in trace["name"]:
            continue
        x, y = np.array(trace["x"]), np.array(trace["y"])
        assert np.sum(np.diff(x) * (y[1:] + y[:-1]) / 2) == pytest.approx(1.0, abs=0.02)
    first = [t["name"] for t, on in zip(plot["data"], plot["views"][0], strict=True) if on]
    assert "γ = 64" not in first  # its walker was stopped


def _change_walkers(run: SyntheticRun, index: int, changes: dict[int, dict]) -> None:
    file = paths.RunPaths(run.root).summary(index)
    summary = json.loads(file.read_text())
    for place, change in changes.items():
        summary["walkers"][place] |= change
    file.write_text(json.dumps(summary))


@pytest.mark.parametrize(
    "change", [{"method": "opes", "window_K": [250, 400]}, {"biases_energy": False}]
)
def test_no_law_is_drawn_where_there_is_none(synthetic_run, change):
    _change_walkers(synthetic_run, 1, {1: change})
    page = _page(synthetic_run)
    plot = _plots(page, "energy")[0]
    shown = [t["name"] for t, on in zip(plot["data"], plot["views"][-1], strict=True) if on]
    name = "OPES 250-400 K" if "method" in change else "variables γ = 16"
    assert name in shown and f"{name}, predicted" not in shown
    assert "γ = 64, predicted" in shown and "γ = 16" not in shown
    assert len(_plots(page, "sigma")[0]["data"]) == 3  # γ = 1, 16 of iteration 0, 64


def test_walkers_of_a_window_are_shown_together(synthetic_run):
    change = {"window_K": [250, 400]}
    _change_walkers(synthetic_run, 1, {1: change, 2: change})
    page = _page(synthetic_run)
    energy, sigma = (_plots(page, key)[0] for key in ("energy", "sigma"))
    shown = [t["name"] for t, on in zip(energy["data"], energy["views"][-1], strict=True) if on]
    window = "250-400 K γ = 16-64"
    assert [name for name in shown if name.startswith("250")] == [
        window,
        f"{window}, predicted",
        f"{window} reweighted",
    ]
    points = next(t for t in sigma["data"] if t["name"] == window)
    k = (SIGMA_NVT_EV / (KB_EV * 300.0)) ** 2
    laws = [(g * (k - 1 + g) / k) ** 0.5 for g in (16, 64)]
    assert points["customdata"] == pytest.approx(laws, rel=0.1)
    # Lines of three laws; two with their error, that of no bias has none
    assert len(sigma["layout"]["shapes"]) == 1 + 3 + 3
    assert sum(t["name"] == window for t in _plots(page, "deviation")[1]["data"]) == 1
    assert window in page.words


def test_pressures_are_kept_apart(synthetic_run):
    _change_walkers(synthetic_run, 1, {1: {"pressure_bar": 1.0}, 2: {"pressure_bar": 500.0}})
    page = _page(synthetic_run)
    assert len(_plots(page, "energy")[0]["views"]) == 4
    for text in ("system 0, 300 K, 1 bar", "system 0, 300 K, 500 bar"):
        assert text in page.words


def test_nvt_as_the_biased_walkers_have_it(synthetic_run):
    page = _page(synthetic_run)
    traces = _plots(page, "energy")[0]["data"]
    curve = next(trace for trace in traces if trace["name"] == "γ = 16 reweighted")
    x, y = np.array(curve["x"]), np.array(curve["y"])
    mean = np.average(x, weights=y)
    assert mean == pytest.approx(0, abs=0.6 * SIGMA_NVT_EV)
    assert np.sqrt(np.average((x - mean) ** 2, weights=y)) == pytest.approx(SIGMA_NVT_EV, rel=0.3)
    # That of iteration 0 is worth too little, one was stopped, one has no file.
    assert sum("reweighted" in trace["name"] for trace in traces) == 1
    assert "drawn: 2 of the 3 sets of biased walkers are not" in page.words


def test_distributions_of_the_training_data_start_beyond_the_bonds(synthetic_run):
    oxygens, bonded = _plots(_page(synthetic_run), "rdf")
    assert [t["name"] for t in oxygens["data"]] == [
        "initial data (80 frames)",
        f"labelled in iterations ({_labelled(synthetic_run.root)} frames)",
    ]
    for trace in bonded["data"]:
        assert min(trace["x"]) > 1.2 and max(trace["y"]) < 3
        assert max(trace["x"]) < 9.86 / 2


def _labelled(root: Path) -> int:
    return sum(len(np.load(file)) for file in root.glob("iter.*/02.fp/data.*/set.*/coord.npy"))


def test_nothing_has_happened_yet(tmp_path):
    page = _page(SyntheticRun(tmp_path, ()))
    assert page.plots == {}
    assert [i for i in page.ids if i.startswith("figure-")] == [f"figure-{k}" for k in FIGURES]
    assert "No iteration has begun yet" in page.words


@pytest.mark.parametrize(
    "lost",
    [
        "iter.*/summary.json",
        "iter.*/00.train/*",
        "iter.*/01.model_devi",
        "iter.*/01.model_devi/task.*",
        "iter.*/02.fp",
        "data",
        "iter.00000[12]",
    ],
)
def test_a_run_that_lacks_something(synthetic_run, lost):
    gone = list(synthetic_run.root.glob(lost))
    assert gone
    for found in gone:
        shutil.rmtree(found) if found.is_dir() else found.unlink()
    page = _page(synthetic_run, trust=())
    assert page.plots
    assert set(page.plots) <= set(page.ids)


def test_numbers_that_are_none(synthetic_run):
    run = paths.RunPaths(synthetic_run.root)
    table = load_frames(run.explored(1))
    table.max_devi_f[::3] = np.nan
    table.max_devi_f[1::7] = 1e30
    table.energy_eV[:] = np.nan
    save_frames(run.explored(1), table)
    summary = json.loads(run.summary(1).read_text())
    summary["force_rmse_meV_A"] = float("nan")
    summary["walkers"][0] |= {"sigma_nvt_eV": float("nan"), "sigma_wte_eV": None}
    run.summary(1).write_text(json.dumps(summary))
    page = _page(synthetic_run)
    assert len(_plots(page, "deviation")) == 2
    assert "nan" not in page.words.lower().split()


def test_energies_that_fell_into_a_hole_do_not_flood_the_page(synthetic_run):
    run = paths.RunPaths(synthetic_run.root)
    with (run.explore_task(1, 0, 1) / paths.COLVAR_WTE).open("a") as file:
        file.writelines(f" {20 + i} {-1e12 * i} 0.0\n" for i in range(3))
    page = _page(synthetic_run)
    assert max(len(trace["x"]) for trace in _plots(page, "energy")[0]["data"]) < 2000


def test_every_walker_was_stopped(synthetic_run):
    for folder in synthetic_run.root.glob("iter.*/01.model_devi/task.*"):
        (folder / paths.STOPPED).write_text("step 10: too hot\n")
    page = _page(synthetic_run)
    assert not _plots(page, "energy")
    assert "No walker came through" in page.words


def test_the_page_is_small_and_replaced_whole(synthetic_run):
    _page(synthetic_run)
    _page(synthetic_run)
    assert (synthetic_run.root / "report.html").stat().st_size < 8e6
    assert [p.name for p in synthetic_run.root.glob("report*")] == ["report.html"]


def test_trust_levels_of_each_system(synthetic_run):
    page = _page(synthetic_run, trust=((0.05, 0.2), (0.1, 0.3), (0.05, 0.2)))
    words = "Trust levels: 0.05 and 0.2 eV/Å (systems 0, 2); 0.1 and 0.3 eV/Å (system 1)."
    assert words in page.words
    bands = [s for s in page.plots["deviation-0"]["layout"]["shapes"] if s["type"] == "rect"]
    assert [band["label"]["text"] for band in bands] == ["systems 0, 2", "system 1"]
    page = _page(synthetic_run, trust=(TRUST, TRUST))
    assert "Trust levels: 0.05 and 0.2 eV/Å." in page.words


def test_trust_levels_that_were_made_of_errors(synthetic_run):
    """The band is of what decided in the exploration that is drawn, not of the file."""
    run = paths.RunPaths(synthetic_run.root)
    summary = replace(read_summary(run.summary(1)), trust=[(0.07, 0.29)])
    save_summary(run.summary(1), summary)
    page = _page(synthetic_run, trust=(TRUST,))
    words = "Trust levels: 0.05 and 0.2 eV/Å, until errors of labels are known; then those that are"
    assert words in page.words
    for plot in ("deviation-0", "deviation-1"):
        (band,) = (s for s in page.plots[plot]["layout"]["shapes"] if s["type"] == "rect")
        assert (band["x0"], band["x1"]) == (0.07, 0.29)


def test_a_validation_is_on_the_page_where_there_is_one(synthetic_run):
    folder = synthetic_run.root / validation_record.FOLDER
    folder.mkdir()
    validation_record.save(folder / validation_record.FILE, validation())
    page = _page(synthetic_run)
    keys = [name.removeprefix("figure-") for name in page.ids if name.startswith("figure-")]
    assert [key for key in keys if not key.startswith("validation_")] == FIGURES
    assert sum(key.startswith("validation_") for key in keys) == 9
    for word in ("Not good : The models are not to be trusted", "8000 of 40000 steps", "Yeh"):
        assert word in page.words
    (folder / validation_record.FILE).write_text("{}")
    page = _page(synthetic_run)
    assert "validation/validation.json: KeyError" in page.words
    assert "section-validation" not in page.ids


def test_failures_are_told_with_their_reasons(synthetic_run):
    run = paths.RunPaths(synthetic_run.root)
    outcomes = [
        {"frame": "task.000.000001", "labelled": False, "reason": "not converged"},
        {"frame": "task.000.000002", "labelled": True, "reason": ""},
    ]
    (run.label(0) / paths.LABELS).write_text(json.dumps(outcomes))
    journal = {"failures": {"000": 1, "002": 4}, "failed": {"002": "002 failed (exit 1)\n  more"}}
    (run.train(1) / JOURNAL).write_text(json.dumps(journal))
    (run.explore(1) / JOURNAL).write_text("[broken")
    words = _page(synthetic_run).words
    assert "labels failed and were left out (1 × not converged)." in words
    assert "Iteration 1: train: 1 attempt failed and the task was run again (000)." in words
    assert "Iteration 1: train: 002 failed (exit 1)." in words
    assert "task.000.000002: step 8400: force deviation 0.91" in words


def test_input_files_are_shown_without_secrets(synthetic_run, tmp_path):
    machine = {
        "train": {
            "command": "dp",
            "machine": {"remote_profile": {"password": "p1"}},
            "resources": {
                "envs": {"A": "p2"},
                "prepend_script": [
                    "export WANDB_API_KEY=p3",
                    "login --token 'p4 p4'",
                    "module load lammps",
                ],
            },
        },
    }
    (tmp_path / "m.json").write_text(json.dumps(machine))
    page = _page(
        synthetic_run,
        inputs=[
            InputFile("param.json", PARAM),
            read_input(tmp_path, "m.json", Kind.MACHINE),
            read_input(tmp_path, "gone.json", Kind.RUN),
        ],
    )
    assert not re.search(r"\bp[1-4]\b", page.words)
    for word in ("module load lammps", "WANDB_API_KEY=***", "--token ***", "gone.json: no such"):
        assert word in page.words


def test_cost(synthetic_run):
    words = _page(synthetic_run).words
    assert "core h" in words and not re.search(r"GPU h\b", words)
    run = paths.RunPaths(synthetic_run.root)
    summary = json.loads(run.summary(0).read_text())
    summary["gpu_hours"]["train"] = 2.0
    run.summary(0).write_text(json.dumps(summary))
    page = _page(synthetic_run)
    assert re.search(r"GPU h\b", page.words)
    cores, gpus = _plots(page, "cost")
    assert [t["x"] for t in gpus["data"] if t["name"] == "train"] == [[2.0, 0.0, 0.0]]
    assert sum(sum(t["x"]) for t in cores["data"]) == pytest.approx(3 * 0.065 + 2 * 0.035)


def test_a_page_of_a_run_that_goes_on_loads_itself_again(synthetic_run):
    page = write_report(synthetic_run.root, _facts(synthetic_run))
    assert "data-refresh=" not in page.read_text()
    page = write_report(synthetic_run.root, _facts(synthetic_run, refresh_s=60))
    assert 'data-refresh="60" data-written="' in page.read_text()


def test_a_page_that_cannot_be_written(synthetic_run, tmp_path):
    with pytest.raises(InputError, match="cannot be written"):
        write_report(synthetic_run.root, _facts(synthetic_run), tmp_path / "no" / "page.html")
