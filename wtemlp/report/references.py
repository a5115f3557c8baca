"""References of the methods and programs that runs stand on."""

import json
from dataclasses import dataclass
from importlib.resources import files

#: Letters that BibTeX of old does not know.
_LATEX = {
    "í": r"{\'\i}",
    "é": r"{\'e}",
    "á": r"{\'a}",
    "ó": r"{\'o}",
    "ü": r"{\"u}",
    "ö": r"{\"o}",
    "ø": r"{\o}",
}


@dataclass(frozen=True)
class Citation:
    """A reference and what it is cited for."""

    key: str
    purpose: str
    authors: str  #: BibTeX's way: "Surname, I. and Surname, I."
    title: str
    journal: str
    volume: str  #: "": not known
    pages: str  #: likewise
    year: int
    doi: str

    def bibtex(self) -> str:
        """The reference as a BibTeX entry, in ASCII."""
        fields = {
            "author": self.authors,
            "title": "{" + self.title + "}",
            "journal": self.journal,
            "volume": self.volume,
            "pages": self.pages,
            "year": str(self.year),
            "doi": self.doi,
        }
        body = "".join(f"  {name} = {{{value}}},\n" for name, value in fields.items() if value)
        text = f"@article{{{self.key},\n{body}}}"
        for letter, latex in _LATEX.items():
            text = text.replace(letter, latex)
        return text


def _read() -> dict[str, Citation]:
    text = files("wtemlp.report").joinpath("references.json").read_text(encoding="utf-8")
    return {row["key"]: Citation(**row) for row in json.loads(text)}


#: All references, by key.
REFERENCES = _read()
