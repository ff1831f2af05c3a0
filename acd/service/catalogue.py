"""What callers can ask for on the keypad."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ivr.template import parse_template, plain


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueItem:
    """`title`: of the ticket, with attributes and facts of the caller in braces. `fields`: attributes of the menu that
    are the answers."""

    name: str
    label: str
    title: str
    queue: str = ""
    service: str = ""
    fields: tuple[str, ...] = ()

    def title_for(self, known: Mapping[str, str | float | bool]) -> str:
        parts = parse_template(self.title).parts
        said = [part if isinstance(part, str) else plain(known.get(part.name, "")) for part in parts]
        return " ".join(word for word in said if word) or self.label
