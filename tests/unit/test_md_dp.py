"""The program behind ``wtemlp dp``, as far as it needs no DeePMD-kit."""

import pytest

from wtemlp.core import process_copies
from wtemlp.md import dp

WITHIN = "DP_INTRA_OP_PARALLELISM_THREADS"
INTER = "DP_INTER_OP_PARALLELISM_THREADS"


@pytest.mark.parametrize(("given", "expected"), [("1", "-1"), ("2", "2"), (None, None)])
def test_one_thread_is_the_callers_own(given, expected):
    environ = {} if given is None else {INTER: given}
    dp.tune(environ)
    assert environ.get(INTER) == expected and environ["TF_USE_LEGACY_KERAS"] == "1"


def test_threads_within_an_operation_are_those_of_the_machine_file():
    environ = {WITHIN: "1"}
    dp.tune(environ)
    assert environ["TF_NUM_INTRAOP_THREADS"] == "1"


def test_what_the_user_has_set_stays():
    given = {
        "TF_USE_LEGACY_KERAS": "0",
        "TF_NUM_INTRAOP_THREADS": "4",
        WITHIN: "1",
        "TF_CPP_MIN_LOG_LEVEL": "0",
    }
    environ = dict(given)
    dp.tune(environ)
    assert environ == given


def test_commands_are_told_apart():
    assert dp.split_commands(["train", "a.json", "+", "freeze", "+-", "test"]) == [
        (["train", "a.json"], True),
        (["freeze"], True),
        (["test"], False),
    ]
    with pytest.raises(ValueError, match="no command before or after"):
        dp.split_commands(["train", "+"])


def test_with_a_gpu_no_process_is_copied(monkeypatch):
    """CUDA does not bear it, and a GPU would be shared without anybody knowing."""
    monkeypatch.setattr(process_copies, "without_gpu", lambda: False)
    monkeypatch.setenv(process_copies.JOB, "job")
    monkeypatch.setenv(process_copies.PIPE, "0")
    monkeypatch.setattr(process_copies.socket, "socket", lambda *_: pytest.fail("asked"))
    assert process_copies.ask(["train", "input.json"]) is None
    assert process_copies.serve(lambda: pytest.fail("loaded"), lambda _: 1) == 0


def test_other_back_ends_load_no_tensorflow_beside_the_tasks(monkeypatch):
    monkeypatch.setenv("DP_BACKEND", "pytorch")
    monkeypatch.setattr(dp, "load", lambda *_: pytest.fail("loaded"))
    assert not dp.load_all()
