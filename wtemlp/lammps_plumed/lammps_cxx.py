"""LAMMPS's C++ symbols that a fix style made in Python needs, called through ``ctypes``.

The shared library exports them with their mangled names.  Only names, the Itanium C++ ABI and the
first members of class LAMMPS are relied on, never the layout of a fix or compute; whatever is not
found makes :class:`UnsuitableLammps`.
"""

import ctypes
from collections.abc import Mapping
from typing import Any

from wtemlp.lammps_plumed.lammps_library import Lammps

_STRING = "NSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEE"
_P, _I, _D, _L = ctypes.c_void_p, ctypes.c_int, ctypes.c_double, ctypes.c_int64

_SYMBOLS: dict[str, tuple[str, object, tuple[object, ...]]] = {
    "plugin_register": ("_ZN9LAMMPS_NS15plugin_registerEP14lammpsplugin_tPv", None, (_P, _P)),
    "external_create": ("_ZN9LAMMPS_NS11FixExternalC1EPNS_6LAMMPSEiPPc", None, (_P, _P, _I, _P)),
    "external_set_callback": (
        "_ZN9LAMMPS_NS11FixExternal12set_callbackEPFvPvliPiPPdS4_ES1_",
        None,
        (_P, _P, _P),
    ),
    "external_scalar": ("_ZN9LAMMPS_NS11FixExternal14compute_scalarEv", _D, (_P,)),
    "external_set_virial": ("_ZN9LAMMPS_NS11FixExternal17set_virial_globalEPd", None, (_P, _P)),
    "external_init": ("_ZN9LAMMPS_NS11FixExternal4initEv", None, (_P,)),
    "external_delete": ("_ZN9LAMMPS_NS11FixExternalD0Ev", None, (_P,)),
    "fix_modify_params": ("_ZN9LAMMPS_NS3Fix13modify_paramsEiPPc", None, (_P, _I, _P)),
    "fix_modify_param": ("_ZN9LAMMPS_NS3Fix12modify_paramEiPPc", _I, (_P, _I, _P)),
    "fix_reset_dt": ("_ZN9LAMMPS_NS3Fix8reset_dtEv", None, (_P,)),
    "add_compute": (f"_ZN9LAMMPS_NS6Modify11add_computeERK{_STRING}i", _P, (_P, _P, _I)),
    "delete_compute": (f"_ZN9LAMMPS_NS6Modify14delete_computeERK{_STRING}", None, (_P, _P)),
    "get_compute": (f"_ZNK9LAMMPS_NS6Modify17get_compute_by_idERK{_STRING}", _P, (_P, _P)),
    "fixes_of_style": (f"_ZNK9LAMMPS_NS6Modify16get_fix_by_styleERK{_STRING}", _P, (_P, _P, _P)),
    "compute_addstep": ("_ZN9LAMMPS_NS7Compute7addstepEl", None, (_P, _L)),
    "pe_scalar": ("_ZN9LAMMPS_NS9ComputePE14compute_scalarEv", _D, (_P,)),
    "pressure_vector": ("_ZN9LAMMPS_NS15ComputePressure14compute_vectorEv", None, (_P,)),
    "operator_new": ("_Znwm", _P, (ctypes.c_size_t,)),
    "operator_delete": ("_ZdlPv", None, (_P,)),
}
_VTABLES = {
    "external": "_ZTVN9LAMMPS_NS11FixExternalE",
    "pe": "_ZTVN9LAMMPS_NS9ComputePEE",
    "pressure": "_ZTVN9LAMMPS_NS15ComputePressureE",
}
_WORD = ctypes.sizeof(_P)
#: Class LAMMPS begins with memory, error, universe, input, atom, update, neighbor, comm, domain,
#: force, modify.
_UPDATE_SLOT, _MODIFY_SLOT = 5, 10
_VTABLE_HEAD = 2  #: offset to top, type information
_VTABLE_MAX = 512  #: words
#: Room for a fix object: several times what any version needs, since its size is not known here.
FIX_BYTES = 16384


class UnsuitableLammps(Exception):
    """This LAMMPS library lacks something that the embedded fix needs."""


class _String(ctypes.Structure):
    """A ``std::string`` of libstdc++ that is only read."""

    _fields_ = (
        ("data", ctypes.c_char_p),
        ("size", ctypes.c_size_t),
        ("capacity", ctypes.c_size_t),
        ("unused", ctypes.c_size_t),
    )


class _Symbol(ctypes.Structure):
    """``Elf64_Sym``."""

    _fields_ = (
        ("name", ctypes.c_uint32),
        ("info", ctypes.c_ubyte),
        ("other", ctypes.c_ubyte),
        ("section", ctypes.c_uint16),
        ("value", ctypes.c_uint64),
        ("size", ctypes.c_uint64),
    )


class _DlInfo(ctypes.Structure):
    _fields_ = (
        ("file", ctypes.c_char_p),
        ("base", ctypes.c_void_p),
        ("name", ctypes.c_char_p),
        ("address", ctypes.c_void_p),
    )


_RTLD_DL_SYMENT = 1


def read_pointer(address: int) -> int:
    """The pointer that is stored at an address, 0 for NULL."""
    return ctypes.c_void_p.from_address(address).value or 0


class LammpsCxx:
    """The C++ side of a LAMMPS instance.

    Every symbol of the table above is an attribute.

    Parameters
    ----------
    lammps : Lammps
        The instance.

    Raises
    ------
    UnsuitableLammps
        A symbol is missing, or class LAMMPS does not begin as expected.
    """

    def __init__(self, lammps: Lammps) -> None:
        self.lammps = lammps
        self.instance = lammps.pointer or 0
        self.functions: dict[str, Any] = {}
        for name, (mangled, result, parameters) in _SYMBOLS.items():
            try:
                function = getattr(lammps.library, mangled)
            except AttributeError:
                raise UnsuitableLammps(f"its library does not export {mangled}") from None
            function.restype, function.argtypes = result, parameters
            self.functions[name] = function
        self._vtables = {name: self._vtable(symbol) for name, symbol in _VTABLES.items()}
        self._check_layout()

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["functions"][name]
        except KeyError:
            raise AttributeError(name) from None

    def _vtable(self, symbol: str) -> tuple[int, int]:
        """Address and number of words of a virtual table."""
        try:
            address = ctypes.addressof(ctypes.c_byte.in_dll(self.lammps.library, symbol))
            dladdr1 = ctypes.CDLL(None).dladdr1
        except (ValueError, AttributeError):
            raise UnsuitableLammps(f"its library does not export {symbol}") from None
        info, entry = _DlInfo(), ctypes.POINTER(_Symbol)()
        dladdr1.argtypes = (_P, _P, _P, _I)
        found = dladdr1(address, ctypes.byref(info), ctypes.byref(entry), _RTLD_DL_SYMENT)
        words = entry.contents.size // _WORD if found and entry else 0
        if not _VTABLE_HEAD < words < _VTABLE_MAX:
            raise UnsuitableLammps(f"the size of {symbol} is not known")
        return address, words

    def _check_layout(self) -> None:
        """See that ``update`` is where it is expected, hence ``modify`` too."""
        update = read_pointer(self.instance + _UPDATE_SLOT * _WORD)
        step = self.lammps.address("ntimestep")
        if not 0 <= step - update < 4096:
            raise UnsuitableLammps("class LAMMPS does not begin as expected")

    @property
    def modify(self) -> int:
        """The address of the Modify object; ``clear`` makes a new one."""
        return read_pointer(self.instance + _MODIFY_SLOT * _WORD)

    def derived_table(self, replaced: Mapping[str, int]) -> ctypes.Array[ctypes.c_size_t]:
        """A copy of FixExternal's virtual table with some entries replaced.

        Parameters
        ----------
        replaced : mapping
            Name of a symbol above to the address of the function that takes its place.

        Returns
        -------
        ctypes array
            Keep it as long as objects use it; :meth:`set_table` gives it to an object.
        """
        address, words = self._vtables["external"]
        table = (ctypes.c_size_t * words).from_buffer_copy(ctypes.string_at(address, words * _WORD))
        entries = list(table)
        for name, function in replaced.items():
            original = ctypes.cast(self.functions[name], _P).value
            if entries.count(original) != 1:
                raise UnsuitableLammps(f"{name} is not in the virtual table of fix external")
            table[entries.index(original)] = function
        return table

    def set_table(self, thing: int, table: ctypes.Array[ctypes.c_size_t]) -> None:
        """Make an object use a table of :meth:`derived_table`."""
        ctypes.c_void_p.from_address(thing).value = ctypes.addressof(table) + _VTABLE_HEAD * _WORD

    def is_exactly(self, thing: int, kind: str) -> bool:
        """Whether an object is of class ``pe`` or ``pressure`` itself, not of a derived one."""
        return read_pointer(thing) == self._vtables[kind][0] + _VTABLE_HEAD * _WORD

    def string(self, text: str) -> _String:
        """A constant ``std::string``."""
        data = text.encode()
        return _String(data, len(data), len(data), 0)

    def compute(self, identifier: str) -> int:
        """The address of a compute, 0 when there is none."""
        return (
            self.functions["get_compute"](self.modify, ctypes.byref(self.string(identifier))) or 0
        )

    def new_compute(self, line: str) -> int:
        """Define a compute, as ``"ID all pe"``; the caller sees to it that the ID is free."""
        return int(self.functions["add_compute"](self.modify, ctypes.byref(self.string(line)), 1))

    def remove_compute(self, identifier: str) -> None:
        """Delete a compute if it exists."""
        if self.compute(identifier):
            self.functions["delete_compute"](self.modify, ctypes.byref(self.string(identifier)))

    def has_fix_of_style(self, pattern: str) -> bool:
        """Whether there is a fix whose style matches one of LAMMPS's regular expressions."""
        vector = (ctypes.c_void_p * 3)()
        self.functions["fixes_of_style"](
            ctypes.byref(vector), self.modify, ctypes.byref(self.string(pattern))
        )
        found = vector[0] != vector[1]
        if vector[0]:
            self.functions["operator_delete"](vector[0])
        return found

    def new_external(self, words: list[bytes]) -> int:
        """A FixExternal object on LAMMPS's heap, made from the words of its command."""
        memory = int(self.functions["operator_new"](FIX_BYTES))
        ctypes.memset(memory, 0, FIX_BYTES)
        self.functions["external_create"](memory, self.instance, *argument_array(words))
        return memory


def argument_array(words: list[bytes]) -> tuple[int, ctypes.Array[ctypes.c_char_p]]:
    """``argc`` and ``argv`` of a list of words."""
    return len(words), (ctypes.c_char_p * len(words))(*words)
