"""How a key of an input file is declared: once, on the field of the record that it becomes.

A field ``pace: Annotated[int, COUNT] = 100`` says the key's name, type, default, bounds, unit and
choices, and the docstring of the record has a sentence for it, in NumPy's style.
:mod:`wtemlp.config.schema.own_keys` makes DP-GEN's kind of schema of it, and reads the record.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from inspect import cleandoc
from typing import Any

MAX_INTEGER = 2**31 - 1  #: of LAMMPS's and PLUMED's strides and atom numbers
#: LAMMPS counts steps in 64 bits, but its variables and awk in doubles, exact up to here.
MAX_STEPS = 2**53
MAX_SEED = 2**63 - 1
MAX_NUMBER = 1e12  #: no quantity of a simulation is larger, in any unit of the files
MAX_TEMPERATURE_K = 1e5  #: there are no atoms beyond it, only ions and electrons
#: The same window of temperatures needs a bias factor that grows with the number of molecules; a
#: thousand waters need some hundreds, so this is enough for millions.
MAX_BIASFACTOR = 1e6
AUTO = "auto"
_SHORT = 100.0  #: a range up to here is told whole


class Choice(str, Enum):
    """Words that a key may have; each member is its word."""

    __str__ = str.__str__


def any_of(words: Iterable[str]) -> str:
    """``"a", "b" or "c"``."""
    *others, last = [f'"{word}"' for word in words]
    return f"{', '.join(others)} or {last}" if others else last


@dataclass(frozen=True)
class Range:
    """What a number must keep within.

    Parameters
    ----------
    ge, le : float
        Bounds that are allowed themselves.
    gt, lt : float, optional
        Bounds that are not.
    unit : str
        Of the number.
    low : str
        What it must be, for people, where it is below the lower bound; by default from that.
    why : str
        Why it must not be above the upper bound, for people.
    """

    ge: float = -MAX_NUMBER
    le: float = MAX_NUMBER
    gt: float | None = None
    lt: float | None = None
    unit: str = ""
    low: str = ""
    why: str = ""

    def remedy(self, value: float) -> str | None:
        """What to write in the place of a number that is out of range; None if it is not."""
        of = f" ({self.unit})" if self.unit else ""
        if value < self.ge or (self.gt is not None and not value > self.gt):
            return f"must be {self.low or self._low()}{of}"
        if value > self.le or (self.lt is not None and not value < self.lt):
            return f"must be {self._high()}" + (f": {self.why}" if self.why else of)
        return None

    @property
    def _whole(self) -> bool:
        high = self.le if self.lt is None else self.lt
        return self.gt is None and self.ge > -MAX_NUMBER and high <= _SHORT

    def _low(self) -> str:
        if self._whole and self.lt is not None:
            return f"{_plain(self.ge)} or more and less than {_plain(self.lt)}"
        if self._whole:
            return f"between {_plain(self.ge)} and {_plain(self.le)}"
        if self.gt is None:
            return f"{_plain(self.ge)} or more"
        return "a positive number" if self.gt == 0 else f"above {_plain(self.gt)}"

    def _high(self) -> str:
        if self._whole:
            return self._low()
        return f"{_plain(self.le)} or less" if self.lt is None else f"below {_plain(self.lt)}"

    def __str__(self) -> str:
        """The bounds that anybody could meet, for people."""
        if self._whole:
            return self._low()
        above = self.ge > -MAX_NUMBER or self.gt is not None
        below = self.lt is not None or self.le < MAX_INTEGER
        low = self._low() if self.gt != 0 else "above 0"
        return ", ".join([low] * above + [self._high()] * below)

    def json_schema(self) -> dict[str, float]:
        """The bounds in the words of JSON schema."""
        words = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
        bounds = dict(zip(words, (self.ge, self.le, self.gt, self.lt), strict=True))
        return {word: n for word, n in bounds.items() if n is not None and abs(n) < MAX_NUMBER}


def _plain(number: float) -> str:
    return str(number) if isinstance(number, int) else f"{number:g}"


COUNT = Range(ge=1, le=MAX_INTEGER, low="a positive integer")
ANY_COUNT = Range(ge=0, le=MAX_INTEGER)
STEPS = Range(ge=1, le=MAX_STEPS, low="a positive integer")
ANY_STEPS = Range(ge=0, le=MAX_STEPS)
SEED = Range(ge=0, le=MAX_SEED)
FRACTION = Range(ge=0, le=1)
POSITIVE = Range(gt=0)
TEMPERATURE_K = Range(gt=0, le=MAX_TEMPERATURE_K, unit="K")
PRESSURE_BAR = Range(unit="bar")
CUTOFF_A = Range(gt=0, unit="Angstrom")
TIMESTEP_PS = Range(gt=0, le=0.01, unit="ps", why="it is in ps (0.5 fs is 0.0005)")


def sentences(record: type) -> dict[str, str]:
    """What the section *Parameters* of a record's docstring says, by field."""
    _, _, section = cleandoc(record.__doc__ or "").partition("Parameters\n----------\n")
    entries = re.split(r"^(?=\S)", section, flags=re.MULTILINE)
    parts = (entry.partition("\n") for entry in entries if entry)
    return {name: " ".join(text.split()) for name, _, text in parts}


class _Same(Enum):
    FIELD = "the default of the field"


@dataclass(frozen=True)
class Key:
    """What a field does not say itself of the key that it is from.

    Parameters
    ----------
    within : Range, optional
        Bounds and unit of the number, or of each of a list.
    doc : str
        What it means, in a sentence; of a field, that of the docstring of its record.
    name : str
        Of the key, where the field has another.
    kind : tuple
        Types of the key's value, where the field's is another.
    default : object
        Of the key, where the field's is another.
    otherwise : str
        What holds if the key is not given, where no fixed default does.
    read : callable, optional
        Makes the field's value of the key's; a ValueError says what to write instead.
    choices : tuple of str
        Words that are allowed; those of a :class:`Choice` need not be given.
    some : str
        What a list must have one of, at least.
    distinct : bool
        Whether no item of a list may be there twice.
    inline : bool
        Whether the field's record is from keys of the same object, not of one below it.
    """

    within: Range | None = None
    doc: str = ""
    name: str = ""
    kind: tuple[Any, ...] = ()
    default: Any = _Same.FIELD
    otherwise: str = ""
    read: Callable[[Any], Any] | None = None
    choices: tuple[str, ...] = ()
    some: str = ""
    distinct: bool = False
    inline: bool = False

    def __call__(self, value: Any) -> bool:
        """Whether a value is right: dargs's ``extra_check``."""
        return self.mistake(value) is None

    def mistake(self, value: Any) -> tuple[int | None, str] | None:
        """Where in a value the first mistake is (an index, None: all of it), and the remedy."""
        several = isinstance(value, list)
        if self.some and value == []:
            one = f"or more of {self.allowed}" if self.choices else f"{self.some} or more"
            return None, f"must have one {one}{self._unit}"
        for index, item in enumerate(value if several else [value]):
            if remedy := self._remedy(item):
                return (index if several else None), remedy
            if self.distinct and several and item in value[:index]:
                return index, "is given twice, remove one"
        try:
            if self.read is not None and value is not None:
                self.read(value)
        except ValueError as error:
            return None, str(error)
        return None

    @property
    def _unit(self) -> str:
        return f" ({self.within.unit})" if self.within and self.within.unit else ""

    def _remedy(self, item: Any) -> str | None:
        if self.choices and not isinstance(item, dict) and item not in self.choices:
            return f"must be {any_of(self.choices)}"
        number = isinstance(item, int | float) and not isinstance(item, bool)
        return self.within.remedy(item) if self.within and number else None

    @property
    def allowed(self) -> str:
        """Bounds or choices, for people."""
        return any_of(self.choices) if self.choices else str(self.within or "")

    def json_schema(self) -> dict[str, Any]:
        """Bounds or choices, in the words of JSON schema."""
        if self.choices:
            return {"enum": list(self.choices)}
        return self.within.json_schema() if self.within else {}

    @property
    def text(self) -> str:
        """The sentence, with the unit, and what holds if the key is not given."""
        first = re.search(r"[;:] |\.( [A-Z]|$)", self.doc)
        place = first.start() if first else len(self.doc)
        text = self.doc[:place] + self._unit + self.doc[place:]
        if not self.otherwise:
            return text
        return f"{text.removesuffix('.')}; {self.otherwise} if not given."


#: Of the parameter file and of the init file.
SEED_KEY = Key(SEED, doc="Every random number of the run derives from it.", default=1)
