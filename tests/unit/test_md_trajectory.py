"""A walker's frames, a file each or all in one: found by step, cut, there twice."""

import subprocess

import numpy as np
import pytest

from wtemlp.core import paths
from wtemlp.md import trajectory, wte_script
from wtemlp.md.dump import parse_dump
from wtemlp.md.walker_record import DPGEN, TEMPLATE, WalkerRecord, write_record

STEPS = range(0, 2000, 20)


def text(step: int, x: float = 0.0, n_atoms: int = 3) -> bytes:
    """A frame as LAMMPS writes it; its length depends on its numbers."""
    rows = "".join(f"{i} 1 {x + step * i:.10f} {-i:.10f} 0.5\n" for i in range(1, n_atoms + 1))
    head = f"ITEM: TIMESTEP\n{step}\nITEM: NUMBER OF ATOMS\n{n_atoms}\n"
    box = "ITEM: BOX BOUNDS pp pp pp\n" + "0.0 9.0\n" * 3
    return (head + box + "ITEM: ATOMS id type x y z\n" + rows).encode()


def walker(folder, content: bytes | None, method: str = "wte"):
    write_record(folder, WalkerRecord(300.0, method=method))
    if content is not None:
        (folder / "all.lammpstrj").write_bytes(content)
    return folder


@pytest.mark.parametrize("method", ["wte", TEMPLATE, DPGEN])
@pytest.mark.parametrize("n_atoms", [1, 3, 700])
def test_every_frame_is_found_by_its_step(tmp_path, method, n_atoms):
    steps = list(STEPS)
    walker(tmp_path, b"".join(text(step, 0.25, n_atoms) for step in steps), method)
    assert trajectory.are_stored(tmp_path, [0, 1980, 2000]).tolist() == [True, True, False]
    found = trajectory.read_frames(tmp_path, steps[::-1])
    assert found == {step: text(step, 0.25, n_atoms) for step in steps}
    for missing in (-20, 10, 1990, 5000):
        with pytest.raises(FileNotFoundError, match=f"the frame of step {missing} in .*/all.lamm"):
            trajectory.read_frames(tmp_path, [missing])


@pytest.mark.parametrize("method", ["wte", DPGEN])
@pytest.mark.parametrize("left", [0, 1, 14, 17, 40, -1])
def test_what_is_cut_is_not_there(tmp_path, method, left):
    """Killed, or on a full disk, wherever in the last frame; the others are sound."""
    walker(tmp_path, b"".join(map(text, STEPS)) + text(2000)[:left], method)
    assert trajectory.are_stored(tmp_path, [0, 1980, 2000]).tolist() == [True, True, False]
    assert trajectory.read_frames(tmp_path, [1980, 20]) == {1980: text(1980), 20: text(20)}
    (frame,) = parse_dump(trajectory.read_frames(tmp_path, [1960])[1960].decode())
    assert frame.step == 1960
    with pytest.raises(FileNotFoundError):
        trajectory.read_frames(tmp_path, [2000])


@pytest.mark.parametrize("method", ["wte", TEMPLATE])
def test_a_walker_that_came_to_no_frame_has_none(tmp_path, method):
    walker(tmp_path, None, method)
    (tmp_path / paths.LMP_INPUT).write_text("dump all all custom 20 all.lammpstrj id type x y z\n")
    assert not trajectory.are_stored(tmp_path, [0, 20]).any()
    with pytest.raises(FileNotFoundError, match="the frame of step 0 in"):
        trajectory.read_frames(tmp_path, [0])


@pytest.mark.parametrize("method", ["wte", TEMPLATE])
def test_an_engine_that_writes_a_file_a_frame_all_the_same_is_read(tmp_path, method):
    """The job has made the other file, which stays empty."""
    walker(tmp_path, b"", method)
    folder = tmp_path / paths.TRAJ
    folder.mkdir()
    assert trajectory.trajectory(tmp_path).name == paths.ALL_FRAMES
    (folder / "20.lammpstrj").write_bytes(text(20))
    assert trajectory.are_stored(tmp_path, [0, 20]).tolist() == [False, True]
    assert trajectory.read_frames(tmp_path, [20]) == {20: text(20)}


def test_a_frame_that_is_cut_in_the_middle_hides_no_other(tmp_path):
    content = text(0) + text(20)[:-7] + text(40) + text(60)
    for method in ("wte", DPGEN):
        walker(tmp_path, content, method)
        assert trajectory.are_stored(tmp_path, [0, 40, 60, 80]).tolist() == [True] * 3 + [False]
        assert trajectory.read_frames(tmp_path, [0, 40, 60])[40] == text(40)
        with pytest.raises(FileNotFoundError):
            trajectory.read_frames(tmp_path, [20])
    assert not trajectory.are_stored(tmp_path, [20]).any()


@pytest.mark.parametrize("method", [TEMPLATE, DPGEN])
def test_of_a_step_that_was_written_twice_the_last_counts(tmp_path, method):
    passes = [b"".join(text(step, x) for step in range(0, 101, 10)) for x in (0.1, 0.2, 0.3)]
    walker(tmp_path, b"".join(passes) + text(20, 0.4)[:30], method)
    for step in range(0, 101, 10):
        assert trajectory.read_frames(tmp_path, [step])[step] == text(step, 0.3)


def test_a_frame_is_found_without_reading_the_others(tmp_path, monkeypatch):
    """Four times as many frames take two looks more."""

    class Counting:
        looks = 0

        def match(self, *args):
            Counting.looks += 1
            return pattern.match(*args)

    pattern, most = trajectory._FRAME, []
    monkeypatch.setattr(trajectory, "_FRAME", Counting())
    for n in (1000, 4000, 16000):
        walker(tmp_path, b"".join(text(step) for step in range(0, 10 * n, 10)))
        looks = []
        for step in range(0, 10 * n, 10 * (n // 37)):
            Counting.looks = 0
            assert trajectory.read_frames(tmp_path, [step])[step] == text(step)
            looks.append(Counting.looks)
        most.append(max(looks))
        Counting.looks = 0
        stored = trajectory.are_stored(tmp_path, range(0, 10 * n + 10, 10))
        assert stored.sum() == n and not stored[-1] and Counting.looks < 4
    assert most[0] < 20 and np.diff(most).max() <= 4


def test_where_a_script_stores_its_frames(tmp_path):
    one = "dump dpgen_dump all custom 10 all.lammpstrj id type x y z\n"
    assert trajectory.stored_in(one) == paths.ALL_FRAMES
    assert trajectory.stored_in(f"# {one}dump d all custom 10 traj/*.lammpstrj id\n") == paths.TRAJ
    assert trajectory.trajectory(tmp_path) == tmp_path / "traj"
    (tmp_path / "input.lammps").write_text(one)
    assert trajectory.trajectory(tmp_path) == tmp_path / "all.lammpstrj"
    (tmp_path / "traj").mkdir()  # of an earlier version
    assert trajectory.trajectory(tmp_path) == tmp_path / "traj"
    walker(tmp_path, b"")
    assert trajectory.trajectory(tmp_path) == tmp_path / "all.lammpstrj"
    assert not trajectory.are_stored(tmp_path, [0, 10]).any()


@pytest.mark.parametrize("cut", [None, -1, -9, 20, 14])
def test_a_job_that_goes_on_keeps_the_frames_before_its_checkpoint(tmp_path, cut):
    """The last may be cut; steps are numbers, not words."""
    (tmp_path / "frames.awk").write_text(wte_script._EARLIER_FRAMES)
    steps = [0, 90, 100, 1000, 1100]
    kept = subprocess.run(
        ["awk", "-v", "until=1000", "-f", "frames.awk"],
        cwd=tmp_path,
        input=b"".join(map(text, steps[:-1])) + text(1100)[:cut],
        capture_output=True,
        check=True,
    ).stdout
    assert kept == text(0) + text(90) + text(100)
