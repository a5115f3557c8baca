"""Files of a run cut or altered anywhere: read as far as they are whole, made again, or named."""

import shutil
from pathlib import Path

from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.broken_files import FEW
from tests.support.broken_inputs import damaged
from tests.support.damage import content
from tests.support.loop_state import set_state
from wtemlp import cli
from wtemlp.core.errors import WtemlpError
from wtemlp.records.state import Step

#: What commands read; of several that match, one is damaged.
FILES = (
    "wtemlp.json",
    "wtemlp.live.json",
    "record.dpgen",
    "param.json",
    "data/train/set.000/*.npy",
    "iter.*/summary.json",
    "iter.*/*/dispatch.json",
    "iter.*/00.train/*/lcurve.out",
    "iter.*/00.train/*/input.json",
    "iter.*/01.model_devi/walkers.json",
    "iter.*/01.model_devi/explored.npz",
    "iter.*/01.model_devi/*/job.json",
    "iter.*/01.model_devi/*/model_devi.out",
    "iter.*/01.model_devi/*/COLVAR.*",
    "iter.*/01.model_devi/*/HILLS",
    "iter.*/01.model_devi/*/sigma.out",
    "iter.*/02.fp/labels.json",
    "iter.*/02.fp/*.out",
    "iter.*/02.fp/data.*/*/set.000/*.npy",
)
#: A step, and the iteration in which a run is made to go on with it.
STEPS = [(1, step) for step in (Step.POST_TRAIN, Step.POST_EXPLORE, Step.POST_LABEL)]

#: Each takes a second, or with the run some.
FEWER = settings(FEW, max_examples=max(FEW.max_examples // 2, 5))
FEWEST = settings(FEW, max_examples=max(FEW.max_examples // 5, 3))


@st.composite
def broken(draw, folder: Path) -> tuple[Path, bytes]:
    """A file of a run, and what a crash or a hand has made of it."""
    pattern = draw(st.sampled_from([one for one in FILES if any(folder.glob(one))]))
    file = draw(st.sampled_from(sorted(folder.glob(pattern))))
    raw = file.read_bytes()
    at = draw(st.integers(0, len(raw)))
    how = draw(st.sampled_from(["cut", "zeros", "part", "text", "text", "bits"]))
    if how == "cut":
        return file, raw[:at]
    if how == "zeros":
        return file, raw[:at] + b"\0" * (len(raw) - at)
    if how == "part":
        return file, raw[at:]
    if how == "bits":
        more = draw(st.binary(min_size=1, max_size=4))
        return file, raw[:at] + more + raw[at + len(more) :]
    return file, draw(damaged(raw.decode(errors="replace")))


def said(*words: str | Path) -> tuple[int, str]:
    """A command's exit code and what it says; other errors than wtemlp's own are raised."""
    done = CliRunner().invoke(cli.cli, list(map(str, words)), standalone_mode=False)
    error = done.exception
    if isinstance(error, WtemlpError):
        lines = str(error).splitlines()
        assert lines and all(line.strip() for line in lines)
        return error.exit_code, done.output + str(error)
    if error is not None and not isinstance(error, SystemExit):
        raise error
    return done.exit_code, done.output


@FEWER
@given(st.data())
def test_a_broken_run_is_shown_as_far_as_it_is_whole(copied, data):
    file, raw = data.draw(broken(copied.folder))
    sound = file.read_bytes()
    page = copied.folder / "other.html"
    try:
        file.write_bytes(raw)
        before = content(copied.folder)
        codes = {}
        for words in (
            ("status", copied.folder),
            ("report", copied.folder, "-o", page),
        ):
            codes[words[0]], text = said(*words)
            assert "Traceback" not in text
        page.unlink(missing_ok=True)
        assert content(copied.folder) == before
    finally:
        file.write_bytes(sound)
    if file.name not in ("wtemlp.json", "record.dpgen"):
        assert set(codes.values()) == {0}, text
    assert set(codes.values()) <= {0, 2}


@FEWEST
@given(st.data())
def test_a_broken_run_goes_on_or_names_what_is_wrong(undisturbed, tmp_path_factory, data):
    iteration, step = data.draw(st.sampled_from(STEPS))
    copied = type(undisturbed)(tmp_path_factory.mktemp("broken") / "run")
    shutil.copytree(undisturbed.folder, copied.folder, symlinks=True)
    shutil.rmtree(copied.folder / "iter.000002")
    set_state(copied, iteration=iteration, step=int(step), finished="")
    try:
        file, raw = data.draw(broken(copied.folder))
        file.write_bytes(raw)
        before = content(copied.folder)
        root = copied.folder
        code, text = said("run", "-C", root, root / "param.json", root / "machine.json")
        assert code in (0, 1, 2) and "Traceback" not in text
        if code == 2:
            assert content(copied.folder) == before
        if code == 1:
            assert str(root) in text or "task." in text or "iter." in text
    finally:
        shutil.rmtree(copied.folder)
