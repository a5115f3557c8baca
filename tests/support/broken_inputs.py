"""Shared by tests: broken inputs."""

from hypothesis import strategies as st

WORDS = st.sampled_from(
    ["", "0", "-1", "1", "2", "3", "7", "1e999", "NaN", "inf", "-", "x", "T", "#", "O", "H", "C"]
    + ["Xx", "Direct", "1.0.0", "1d3", "9" * 20, "é", "\x00", "\ufeff", "Atoms", "Masses", "..."]
)


HOW = ["delete", "twice", "swap", "word", "word", "number", "number", "cut", "crlf", "bytes"]


@st.composite
def damaged(draw, text: str) -> bytes:
    """A text with one to three faults."""
    lines, ends, raw = text.split("\n"), "\n", b""
    for how in draw(st.lists(st.sampled_from(HOW), min_size=1, max_size=3)):
        at = draw(st.integers(0, len(lines) - 1))
        words = lines[at].split(" ")
        word = draw(st.integers(0, len(words) - 1))
        if how == "delete":
            lines = lines[:at] + lines[at + draw(st.integers(1, 3)) :] or [""]
        elif how == "twice":
            lines.insert(at, lines[at])
        elif how == "swap":
            other = draw(st.integers(0, len(lines) - 1))
            lines[at], lines[other] = lines[other], lines[at]
        elif how == "word":
            words[word : word + draw(st.integers(0, 1))] = [draw(WORDS)]
            lines[at] = " ".join(words)
        elif how == "number":
            words[word] = repr(draw(st.floats(-1e3, 1e3) | st.integers(-3, 2**70)))
            lines[at] = " ".join(words)
        elif how == "cut":
            lines = lines[: at + 1]
            lines[-1] = lines[-1][: draw(st.integers(0, len(lines[-1])))]
        elif how == "crlf":
            ends = draw(st.sampled_from(["\r\n", "\r"]))
        else:
            raw = draw(st.sampled_from([b"\x00", b"\xff\xfe", b"\x80", b"\x00" * 64, b"\x1b[2J"]))
    found = ends.join(lines).encode()
    at = draw(st.integers(0, len(found)))
    return found[:at] + raw + found[at:]
