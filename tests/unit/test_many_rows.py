"""Many rows at once say what they say one by one."""

import numpy as np
import pytest

from wtemlp.analysis.frames import FrameTable, load_frames, save_frames
from wtemlp.core.fixed_width import numbered_lines, read_columns
from wtemlp.md.text_table import read_table
from wtemlp.stages.exploration import explore, walker_results
from wtemlp.stages.exploration.explorer import LammpsExplorer

HEADER = "#  step  max_devi_v  min_devi_v  avg_devi_v  max_devi_f  min_devi_f  avg_devi_f\n"


def rows_of(columns, formats) -> bytes:
    lines = ("".join(f % x for f, x in zip(formats, row, strict=True)) for row in columns)
    return "".join(f"{line}\n" for line in lines).encode()


@pytest.mark.parametrize(
    "form", ["%19.6e", "%19.10e", "%12.3f", "%20.12f", "%19.2e", "%8.0f", "%24.14e"]
)
def test_numbers_of_fixed_width_are_those_that_python_reads(form):
    rng = np.random.default_rng(1)
    n = 5000
    values = rng.normal(size=(n, 2)) * 10.0 ** rng.integers(-2, 3, (n, 2))
    values[:4, 0] = [0.0, -0.0, 1.0, -1e-2]
    table = np.column_stack([10 * np.arange(n), values])
    body = rows_of(table, ("%10d", form, form))
    found = read_columns(b"# h\n" + body, 4, 3, (0, 2, 1))
    read = [np.array([float(line.split()[k]) for line in body.splitlines()]) for k in (0, 2, 1)]
    assert found is not None
    for ours, theirs in zip(found, read, strict=True):
        np.testing.assert_array_equal(ours, theirs)
        np.testing.assert_array_equal(np.signbit(ours), np.signbit(theirs))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" 1 2.0\n 2 3.0",  # cut
        b" 1 2.0\n22 3.0\n3 4.0\n",  # lines of other lengths
        b" 1 2.0\n 2 nan\n",
        b" 1 2.0\n 2 3.x\n",
        b" 1 2.0\n 2   -\n",
        b" 1 2.0\n 2 - 1\n",
        b" 1 2.0\n 2 1 0\n",
        b" 1 2.0\n 2 120\n",  # the point is elsewhere
        b" 1 2.0\n 2a3.0\n",
        b" 1 2.0\n2 3.0 \n",
        b" 1 2.0 3\n 2 3.0 4\n",  # more columns
        b" 1 2e0\n 2 3e1\n",
        b" 1 2.0\0 2 3.0\n",
        b" 1 2.0\r\n 2 3.0\r\n",
        b" 1 1.234567890123456\n 2 2.345678901234567\n",  # more digits than a float has exactly
        b" 1 1.0e-22\n 2 1.0e-25\n",  # a power of ten that it has not
    ],
)
def test_what_is_laid_out_otherwise_is_not_guessed_at(body):
    assert read_columns(body, 0, 2, (0, 1)) is None


@pytest.mark.parametrize("steps", [np.arange(0, 3000, 10), np.arange(99_990, 100_050, 10)])
def test_deviations_are_the_same_by_either_reader(tmp_path, monkeypatch, steps):
    rng = np.random.default_rng(2)
    table = np.column_stack([steps, rng.uniform(0, 1, (len(steps), 6))])
    table[3, 5] = 0  # an atom without neighbours
    file = tmp_path / "model_devi.out"
    file.write_bytes(HEADER.encode() + rows_of(table, ("%12d", *6 * ("%19.6e",))))
    assert walker_results._sound_columns(file.read_bytes())
    quick = walker_results.read_rows(file)
    monkeypatch.setattr(walker_results, "_sound_columns", lambda content: {})
    for ours, theirs in zip(quick, walker_results.read_rows(file), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert read_table(file.read_text(), walker_results._deviation_names).left_out == 0


def test_lines_of_words_and_numbers():
    rng = np.random.default_rng(3)
    words = ["a/task.000.000000", "a/task.000.1234567", "b"]
    which = rng.integers(0, 3, 1000)
    for numbers in (
        rng.integers(0, 12345, 1000),
        np.zeros(1000, int),
        rng.integers(0, 10**12, 1000),
    ):
        lines = "".join(f"{words[k]} {n}\n" for k, n in zip(which, numbers, strict=True))
        assert numbered_lines(words, which, numbers) == lines.encode()
    assert numbered_lines(words, which[:0], numbers[:0]) == b""


@pytest.mark.parametrize("timestep_ps", [0.0005, None])
def test_energies_are_those_of_the_frames_steps(timestep_ps):
    rng = np.random.default_rng(4)
    steps = np.unique(rng.integers(0, 500, 60)) * 10
    nvt = {"time": np.arange(0, 200) * 10 * 0.0005, "ene": rng.normal(size=200)}
    wte = {"time": np.arange(199, 480) * 10 * 0.0005, "ene": rng.normal(size=281)}
    wte["metad.bias"] = rng.uniform(size=281)
    energies, biases = walker_results._frame_energies(steps, nvt, wte, timestep_ps)
    for step, energy, bias in zip(steps, energies, biases, strict=True):
        row = step // 10 - 199
        if timestep_ps is None or row >= 281:
            assert np.isnan(energy) and bias == 0
        elif row < 0:
            assert (energy, bias) == (nvt["ene"][step // 10], 0)
        else:  # at the seam, the second record counts
            assert (energy, bias) == (wte["ene"][row], wte["metad.bias"][row])


def test_a_table_is_read_as_it_was_written(tmp_path):
    rng = np.random.default_rng(5)
    parts = [
        FrameTable(
            **{
                name: np.broadcast_to(np.float64(value), 50)
                for name, value in (("system", 0), ("energy_eV", np.nan), ("bias_eV", 0.0))
            },
            **{name: np.broadcast_to(task, 50) for name in ("task", "walker", "biasfactor")},
            temperature_K=rng.uniform(size=50),
            phase=np.zeros(50, np.int8),
            step=np.arange(50),
            max_devi_f=rng.uniform(size=50),
            decision=rng.integers(0, 3, 50),
        )
        for task in (0, 1, 2)
    ]
    kept = [vars(part) for part in parts]
    table = FrameTable.concatenate(parts)
    save_frames(tmp_path / "t.npz", table)
    read = load_frames(tmp_path / "t.npz")
    for name in kept[0]:
        whole = np.concatenate([part[name] for part in kept])
        np.testing.assert_array_equal(getattr(table, name), whole)
        np.testing.assert_array_equal(getattr(read, name), whole)
    assert table.energy_eV.strides == (0,)  # of no size in memory


def test_frames_are_collected_once(monkeypatch):
    """What the exploration's end has read is what labels are chosen from."""
    read = []

    def collect(context, iteration, also=None):
        read.append(iteration)
        return f"frames of {iteration}", []

    monkeypatch.setattr(explore, "collect", collect)
    explorer = LammpsExplorer()
    explorer.collect(None, 0)
    assert explorer.frames(None, 0) == "frames of 0" and read == [0]
    assert explorer.frames(None, 0) == "frames of 0" and read == [0, 0]  # it was not kept
    explorer.collect(None, 1)
    assert explorer.frames(None, 2) == "frames of 2" and read == [0, 0, 1, 2]
