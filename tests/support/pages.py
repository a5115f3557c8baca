"""Shared by tests: pages."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path


class Page(HTMLParser):
    """What a browser would load, and what it would show."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.ids: list[str] = []
        self.text: list[str] = []
        self.scripts: list[tuple[dict, str]] = []
        self._inside: list[tuple[str, dict]] = []
        self.feed(file.read_text())
        self.plots = json.loads(next(t for a, t in self.scripts if a.get("id") == "plots"))

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.ids.append(values.get("id", ""))
        for key in ("src", "srcset", "href", "data", "poster"):
            if key in values:
                self.loads.append(values[key])
        if tag in ("script", "style"):
            self._inside.append((tag, values))

    def handle_endtag(self, tag):
        if self._inside and self._inside[-1][0] == tag:
            self._inside.pop()

    def handle_data(self, data):
        if not self._inside:
            self.text.append(data)
        elif self._inside[-1][0] == "script":
            self.scripts.append((self._inside[-1][1], data))
        else:
            assert "url(" not in data and "@import" not in data

    @property
    def words(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.text))
