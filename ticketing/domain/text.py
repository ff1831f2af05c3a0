"""Text from outside (caller names, notes, keyed digits) made storable, without changing what can be read in it."""

from __future__ import annotations

import unicodedata

NAME_LENGTH = 200
LINE_LENGTH = 300
NOTE_LENGTH = 20_000
FOLDED_LENGTH = 4 * NAME_LENGTH  # one character may fold to several

_KEPT_CONTROLS = frozenset("\n\t")


def clean_text(text: str, limit: int, *, multiline: bool = False) -> str:
    """`text` without control characters (NUL breaks PostgreSQL), without lone surrogates (no UTF-8 for them),
    without outer blanks, cut to `limit` characters. Line breaks become blanks unless `multiline`."""
    text = text[: 4 * limit].replace("\r\n", "\n").replace("\r", "\n")
    kept = []
    for char in text:
        category = unicodedata.category(char)
        if category == "Cs":
            kept.append("\N{REPLACEMENT CHARACTER}")
        elif category != "Cc":
            kept.append(char)
        elif char in _KEPT_CONTROLS:
            kept.append(char if multiline else " ")
    return "".join(kept).strip()[:limit].rstrip()


def clean_line(text: str | None, limit: int = LINE_LENGTH) -> str | None:
    """One line, or None when nothing is left: an empty text is no fact."""
    if not text:
        return None
    if text.isascii() and text.isprintable() and len(text) <= limit:  # nearly always: spares the loop above
        return text.strip() or None
    return clean_text(text, limit) or None


def fold(text: str) -> str:
    """The form names are compared and searched in: no case, no accents, single blanks: "Éva MÜLLER" -> "eva muller"."""
    if text.isascii():
        return " ".join(text.lower().split())[:FOLDED_LENGTH].rstrip()
    decomposed = text
    for _ in range(2):  # twice, as Unicode's caseless match (3.13, D146): decomposing can bring out capitals again
        decomposed = unicodedata.normalize("NFKD", decomposed.casefold())
    return " ".join("".join(char for char in decomposed if not unicodedata.combining(char)).split())[
        :FOLDED_LENGTH
    ].rstrip()
