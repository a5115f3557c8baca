"""`wtemlp compare`: folders in, a page, tables and figures out."""

import csv
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from tests.support.browser import look_at
from tests.support.pages import Page
from tests.support.synthetic_sweep import ARMS, FALL, write_arm, write_sweep
from wtemlp.cli import cli, compare_command
from wtemlp.cli.compare_command import compare, compared
from wtemlp.comparison import look, page
from wtemlp.comparison.compare import compare as read_comparison
from wtemlp.comparison.result import MODELS, SEEDS
from wtemlp.comparison.table import as_json, describe, dump
from wtemlp.core.errors import InputError
from wtemlp.core.paths import RunPaths
from wtemlp.report.paper.export import paper_figure

FIGURES = [
    "labels",
    "baselines",
    "epochs",
    "yield",
    "sigma",
    "window",
    "bins",
    "rdf",
    "diffusion",
    "cost",
]


@pytest.fixture(scope="module")
def sweep(tmp_path_factory) -> Path:
    """A sweep that no test changes."""
    root = tmp_path_factory.mktemp("sweep")
    write_sweep(root)
    return root


@pytest.fixture
def mine(sweep, tmp_path) -> Path:
    """A copy of it that a test may change."""
    return shutil.copytree(sweep, tmp_path / "mine", symlinks=True)


@pytest.fixture(scope="module")
def written(sweep, tmp_path_factory) -> tuple[Path, str]:
    """What the command wrote, and what it said."""
    out = tmp_path_factory.mktemp("out") / "compare"
    return out, compare([sweep], out)


def test_the_folder_has_the_page_the_tables_and_the_figures(written):
    out, text = written
    assert sorted(one.name for one in out.iterdir()) == [
        "figures",
        "report.html",
        "table.csv",
        "table.json",
    ]
    names = {f"{key}.{kind}" for key in FIGURES for kind in ("png", "pdf", "csv")}
    assert {one.name for one in (out / "figures").iterdir()} == names
    assert all((out / "figures" / name).stat().st_size > 100 for name in names)
    assert f"wrote {os.path.relpath(out / 'report.html')}" in text or str(out) in text


def test_the_table_holds_what_was_put_in(written):
    out, text = written
    rows = {row["arm"]: row for row in csv.DictReader((out / "table.csv").open())}
    assert list(rows) == ["g1", "g16", "g16-random"]
    # The mean of (100 + m) FALL^2 over four models, plus the seeds' mean.
    for name, seed in (("g1", 1.0), ("g16", 1.5), ("g16-random", 1.0)):
        force = float(rows[name]["RMSE_force_meV_A"])
        assert force == pytest.approx(101.5 * FALL[name] ** 2 + seed)
        assert float(rows[name]["RMSE_energy_meV_atom"]) == pytest.approx(force / 50)
    assert rows["g16"]["intervals_over"] == SEEDS and rows["g1"]["intervals_over"] == MODELS
    assert rows["g16"]["labels"] == "48 48" and rows["g16"]["seeds"] == "1 2"
    # Two iterations of three stages and a last training, 2 core hours each.
    assert float(rows["g16"]["core_hours"]) == 2 * (3 * 2 + 1)
    assert "g = 16, random picks" in text and "labels 48 vs 48" in text


def test_json_has_all_and_no_nan(written, sweep):
    out, _ = written
    content = json.loads((out / "table.json").read_text(), parse_constant=pytest.fail)
    assert content["budget"]["labels"] == 48
    assert content["recommendation"]["biasfactor"] == 1
    assert {one["verdict"] for one in content["differences"]} == {"no verdict (one seed)"}
    assert (out / content["runs"][0]["folder"]).resolve() == sweep / "g1-s1"
    assert compared(out) == ([out / os.path.relpath(sweep, out)], out)
    assert compared(sweep) == ([sweep], sweep / "compare")
    assert compared(sweep / "g1-s1") is None


def test_the_page_is_whole_and_loads_nothing(written):
    out, _ = written
    shown = Page(out / "report.html")
    assert shown.loads == ["data:,"]
    assert [i for i in shown.ids if i.startswith("figure-")] == [f"figure-{k}" for k in FIGURES]
    assert {name.split("-")[0] for name in shown.plots} == set(FIGURES)
    assert shown.words.count("Look for") == len(FIGURES)
    assert (
        "No verdict, for want of seeds" in shown.words and "nan" not in shown.words.lower().split()
    )


def test_epochs_and_diffusion_are_where_they_belong(written):
    shown = Page(written[0] / "report.html")
    # 3000 steps; the training data have 80 frames in batches of one.
    assert max(shown.plots["epochs-0"]["data"][0]["x"]) == pytest.approx(37.5, rel=0.05)
    marks = [one["x0"] for one in shown.plots["epochs-0"]["layout"]["shapes"]]
    assert marks == [5, 25]
    bars = {trace["name"]: trace["x"][0] for trace in shown.plots["diffusion-1"]["data"]}
    assert bars == {"unbiased MD": -10, "γ = 16": -40, "γ = 16, random picks": -30}
    assert shown.plots["rdf-0"]["data"][0]["name"] == "noise floor"


def test_a_browser_draws_every_figure_without_a_word_or_a_request(written, tmp_path):
    assert len(look_at(written[0] / "report.html", tmp_path)) >= len(FIGURES)


def test_runs_of_their_own_are_grouped_by_their_parameters(mine):
    for name in ("g1-s1", "g16-s1", "g16-s2"):
        factor, seed = name[1:].split("-s")
        content = {
            "seed": int(seed),
            "wte": {"biasfactor": int(factor)},
            "_comment": name,
            "training": {"seed": int(seed)},
        }
        (mine / name / "param.json").write_text(json.dumps(content))
    found = read_comparison([mine / name for name in ("g1-s1", "g16-s1", "g16-s2")])
    assert [one.runs for one in found.arms] == [("g1-s1",), ("g16-s1", "g16-s2")]
    assert [one.arm.label for one in found.arms] == ["unbiased MD", "γ = 16"]
    assert found.arms[1].force.source == SEEDS
    assert [(d.arm, d.other) for d in found.differences[:1]] == [
        (found.arms[1].arm.key, found.arms[0].arm.key)
    ]


def test_a_run_whose_parameters_have_gone_stands_alone(sweep):
    found = read_comparison([sweep / "g16-s1", sweep / "g16-s2"])
    assert [one.runs for one in found.arms] == [("g16-s1",), ("g16-s2",)]
    assert [one.arm.label for one in found.arms] == ["γ = 16 (g16-s1)", "γ = 16 (g16-s2)"]
    assert "g16-s1: its parameter file (param.json) cannot be read" in found.notes[0]


def test_random_picks_are_known_from_the_run_itself(sweep):
    found = read_comparison([sweep / "random-s1", sweep / "g16-s1"])
    assert {one.arm.baseline for one in found.arms} == {"", "random"}
    assert len(found.differences) == 2


def test_one_run_alone(sweep):
    found = read_comparison([sweep / "g16-s1"])
    assert "from one alone" in describe(found)
    drawn = page.figures(found)
    assert [one.key for one in drawn if not one.plots] == ["baselines"]
    assert "There is no baseline among the runs" in page.render(found, "One", drawn)


def test_runs_that_only_train_have_no_figures_of_exploration(tmp_path):
    """As the thesis's: their validations are compared, and what exploded is named."""
    for name in ("wte256", "wte64", "nvt_5epochs"):
        write_arm(tmp_path / name, ARMS[2], iterations=0)
    file = tmp_path / "nvt_5epochs/validation/validation.json"
    content = json.loads(file.read_text())
    content["md"] = [run for run in content["md"] if run["potential"] == "reference"]
    content["rdf_distance"] = {}
    file.write_text(json.dumps(content))
    found = read_comparison([tmp_path / name for name in ("wte256", "wte64", "nvt_5epochs")])
    assert [one.arm.label for one in found.arms] == ["nvt_5epochs", "wte64", "wte256"]
    drawn = page.figures(found)
    assert [one.key for one in drawn] == ["epochs", "bins", "rdf", "diffusion", "cost"]
    captions = {one.key: one.caption for one in drawn}
    for key in ("rdf", "diffusion"):
        assert "No bars: nvt_5epochs; such MD exploded" in captions[key]
    text = page.render(found, "Trained", drawn)
    assert "Errors at some epochs" in text and "from the baselines" not in text
    assert "frames, trained on" in text and "labels, common to all runs" not in text
    assert "walkers</span>" not in text and "expected √γ" not in text
    assert [trace.name for trace in drawn[-1].plots[0].figure.data] == ["train"]


def test_what_is_missing_of_some_temperatures_is_named(tmp_path):
    """The thesis's small twin: D at 400 K of all, at 300 K of some models and not of water."""
    for name in ("a", "b"):
        write_arm(tmp_path / name, ARMS[2], iterations=0)
    file = tmp_path / "a/validation/validation.json"
    content = json.loads(file.read_text())
    slow = next(run for run in content["md"] if run["potential"] == "model" and run["diffusion"])
    content["md"].insert(0, slow | {"target_K": 1000.0})
    content["md"].append(slow | {"target_K": 250.0})
    file.write_text(json.dumps(content))
    found = read_comparison([tmp_path / name for name in ("a", "b")])
    drawn = {one.key: one for one in page.figures(found)}["diffusion"]
    assert [one.title for one in drawn.plots] == [
        "O 250 K NVE",
        "O 300 K NVE",
        "O 1000 K NVE",
        "O 300 K NVE, deviation",
    ]
    assert "No bars: b (O 250 K NVE, O 1000 K NVE); such MD" in drawn.caption
    assert "no deviation: O 250 K NVE, O 1000 K NVE;" in drawn.caption


def test_sets_of_one_bin_are_bars(tmp_path):
    write_arm(tmp_path / "a", ARMS[2], iterations=0)
    file = tmp_path / "a/validation/validation.json"
    content = json.loads(file.read_text())
    for parity in content["parity"]:
        parity["bins"] = parity["bins"][:1]
    file.write_text(json.dumps(content))
    drawn = {one.key: one for one in page.figures(read_comparison([tmp_path / "a"]))}["bins"]
    assert [one.figure.data[0].type for one in drawn.plots] == ["bar", "bar"]
    assert drawn.plots[0].figure.layout.xaxis.title.text == "RMSE of the forces (meV/Å)"
    assert "too few frames for more than one bin" in drawn.caption


def test_arms_without_a_colour_of_their_own_are_told_apart(tmp_path):
    for name in "abcdef":
        write_arm(tmp_path / name, ARMS[2], iterations=0)
    looks = look.looks(read_comparison([tmp_path / name for name in "abcdef"]).arms)
    assert len({(one.colour, one.dash) for one in looks.values()}) == 6
    assert [one.dash for one in looks.values()] == ["solid"] * 3 + ["longdash"] * 3


def test_folders_of_one_name_are_told_apart(sweep, tmp_path):
    other = tmp_path / "other"
    write_arm(other / "g16-s1", ARMS[2])
    found = read_comparison([sweep / "g16-s1", other / "g16-s1", sweep / "g16-s1"])
    assert [run.name for run in found.runs] == [f"{sweep.name}/g16-s1", "other/g16-s1"]


@pytest.mark.parametrize(
    "lost",
    [
        "validation",
        "iter.*/summary.json",
        "iter.*/00.train/*",
        "iter.*/01.model_devi",
        "iter.*/01.model_devi/task.*",
        "iter.00000[12]",
        "iter.*",
    ],
)
def test_a_run_that_lacks_something(mine, lost):
    gone = [file for arm in ("g16-s1", "g16-s2") for file in (mine / arm).glob(lost)]
    assert gone
    for file in gone:
        shutil.rmtree(file) if file.is_dir() and not file.is_symlink() else file.unlink()
    found = read_comparison([mine])
    for figure in page.figures(found):
        assert figure.plots or figure.empty
    page.render(found, "Lost", page.figures(found))


def test_numbers_that_are_none(mine):
    file = RunPaths(mine / "g16-s1").summary(2)
    summary = json.loads(file.read_text())
    summary["force_rmse_models"][0] = float("nan")
    summary["seconds"]["train"] = float("nan")
    summary["force_rmse_meV_A"] = None
    file.write_text(json.dumps(summary))
    found = read_comparison([mine])
    assert "nan" not in describe(found).lower()
    json.loads(dump(as_json(found)), parse_constant=pytest.fail)
    assert len(found.runs[1].trainings[2].force_models) == 3


def test_an_arm_that_has_not_begun_and_a_damaged_validation(mine):
    shutil.rmtree(mine / "g16-s2")
    (mine / "g1-s1" / "validation" / "validation.json").write_text('{"format": 1, "md": 3}')
    notes = read_comparison([mine]).notes
    assert "g16, seed 2 is left out: it has not begun." in notes
    assert any("g1: validation/validation.json cannot be read" in note for note in notes)


def test_the_order_of_the_validation_data_does_not_matter(mine):
    more = mine / "g1-s1" / "data" / "training"
    for folder in mine.glob("*/iter.*/00.train/data.valid"):
        first = (folder / "000").resolve()
        swapped = folder.parents[2].name == "g1-s1"
        (folder / "000").unlink()
        for name, target in zip(
            ("001", "000") if swapped else ("000", "001"), (first, more), strict=True
        ):
            (folder / name).symlink_to(target)
    assert not any("different validation data" in note for note in read_comparison([mine]).notes)


def test_validation_data_that_differ_are_seen(mine):
    for file in (mine / "g1-s1" / "data" / "training").glob("set.*/energy.npy"):
        np.save(file, np.load(file) + 1)
    # The links are those of the sweep that was copied.
    for link in (mine / "g1-s1").glob("iter.*/00.train/data.valid/000"):
        link.unlink()
        link.symlink_to(mine / "g1-s1" / "data" / "training")
    found = read_comparison([mine])
    assert any("different validation data" in note for note in found.notes)
    assert found.recommendation.biasfactor is None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "no DIR given"),
        (["nowhere"], "nowhere: there is no such folder"),
        (["empty"], "empty: there is no run in it, and no sweep"),
        (["run", "-o", "run"], "-o run: is the folder of a run"),
        (["run", "-o", "file"], "-o file: is a file"),
        (["damaged"], "sweep.json: is damaged"),
        (["young"], "young: no run has begun there"),
    ],
)
def test_what_cannot_be_compared_is_told_in_a_line(sweep, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    for name in ("empty", "damaged", "young"):
        Path(name).mkdir()
    Path("run").symlink_to(sweep / "g1-s1")
    Path("file").write_text("x")
    Path("damaged/sweep.json").write_text('{"format": 1}')
    shutil.copy(sweep / "sweep.json", "young")
    before = sorted(tmp_path.iterdir())
    result = CliRunner().invoke(cli, ["compare", *arguments])
    error = result.exception
    assert isinstance(error, InputError) or result.exit_code == 2
    assert words in (str(error) if isinstance(error, InputError) else result.output)
    assert sorted(tmp_path.iterdir()) == before


def test_a_report_of_a_sweep_is_its_comparison(sweep, monkeypatch):
    asked = []
    monkeypatch.setattr(
        compare_command, "compare", lambda directories, out, say: asked.append((directories, out))
    )
    result = CliRunner().invoke(cli, ["report", str(sweep)])
    assert result.output == f"wrote {sweep / 'compare' / 'report.html'}\n"
    assert asked == [([sweep], sweep / "compare")]
    result = CliRunner().invoke(cli, ["report", str(sweep), "-o", "page.html"])
    assert result.exit_code == 2 and "wtemlp compare" in result.output


def test_figures_can_be_had_from_python(sweep):
    drawn = page.figures(read_comparison([sweep]))
    assert [figure.key for figure in drawn] == FIGURES
    assert len(paper_figure(drawn[0]).axes) == 2
