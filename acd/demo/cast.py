"""Who plays in the demo: callers with names, numbers, wishes and patience; agents with skills. Drawn from a seed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

# fmt: off
_FIRST_NAMES = (
    "Claire", "Hugo", "Inès", "Louis", "Amina", "Paul", "Léa", "Karim", "Zoé", "Émile", "Nadia", "Jules",
    "Sofia", "Marc", "Chloé", "Yann", "Manon", "Igor", "Alice", "Samir", "Emma", "Oscar", "Fatou", "Rémi",
    "Nina", "Victor", "Salomé", "Théo", "Lina", "Adam",
)
_LAST_NAMES = (
    "Moreau", "Lefèvre", "Haddad", "Girard", "Rousseau", "Petit", "Kaya", "Fontaine", "Mercier", "Dupuis",
    "Nowak", "Leroy", "Garnier", "Costa", "Schmitt", "Bernard", "Okafor", "Perrin", "Robin", "Marchand",
    "Lambert", "Diallo", "Roche", "Vidal", "Colin", "Aubry", "Barbier", "Renaud", "Masson", "Picard",
)
_AGENT_NAMES = (
    "Alice Martin", "Bruno Keller", "Chantal Roux", "David Lopez", "Élodie Simon", "Farid Benali",
    "Gaëlle Le Goff", "Henri Blanc", "Isabelle Faure", "Jonas Weber", "Katia Morel", "Luc Besnard",
    "Mireille Caron", "Nicolas Prat", "Océane Dumas", "Patrick Noël", "Quitterie Hamel", "Raphaël Jung",
    "Sandrine Clerc", "Tarek Saïd", "Ugo Ferri", "Valérie Maes", "William Grant", "Xénia Popova",
)
# fmt: on
_ORGANISATIONS = ("Ateliers Rivoire", "Clinique Saint-Roch", "Ville de Brumes", "Lycée Curie", "Transports Alba", "")


@dataclass(frozen=True, slots=True)
class Person:
    name: str
    number: str  # E.164, or national as a trunk gives it
    organisation: str = ""
    is_vip: bool = False
    is_known: bool = True  # to the desk


@dataclass(frozen=True, slots=True)
class Wish:
    """How one call is going to be, as far as the caller decides."""

    person: Person
    language_key: str
    choice: str  # "1" support, "2" orders, "3" own ticket number
    patience_seconds: float  # in the queue
    talk_seconds: float
    hangs_up_first: bool
    thinks_seconds: float  # before each key


@dataclass(frozen=True, slots=True)
class AgentPart:
    login: str
    name: str
    extension: str
    skills: dict[str, int]


def agents(count: int, extensions: tuple[str, ...]) -> list[AgentPart]:
    """Every third agent knows orders only, every third support only, the rest both."""
    parts = []
    for number in range(min(count, len(extensions))):
        name = _AGENT_NAMES[number % len(_AGENT_NAMES)]
        if number >= len(_AGENT_NAMES):
            name = f"{name} {number // len(_AGENT_NAMES) + 1}"
        skills = ({"support": 3, "orders": 2}, {"support": 4, "access": 2}, {"orders": 4})[number % 3]
        parts.append(AgentPart(f"agent{extensions[number]}", name, extensions[number], skills))
    return parts


def people(chance: random.Random, count: int = 120) -> list[Person]:
    """A town of callers. One in six is not known to the desk; a switchboard number is shared by several."""
    found = []
    for number in range(count):
        name = f"{chance.choice(_FIRST_NAMES)} {chance.choice(_LAST_NAMES)}"
        shared = number % 20 == 19
        digits = f"+3325{1 if shared else 2}{0 if shared else number:06d}"
        found.append(
            Person(
                name=name,
                number=digits,
                organisation=chance.choice(_ORGANISATIONS),
                is_vip=number % 15 == 7,
                is_known=shared or number % 6 != 5,
            )
        )
    return found


def wishes(chance: random.Random, town: list[Person], own_ticket: set[str]) -> Iterator[Wish]:
    """Endless calls. Those in `own_ticket` (numbers) may key their ticket."""
    while True:
        person = chance.choice(town)
        choice = chance.choices("12", (5, 3))[0]
        if person.number in own_ticket and chance.random() < 0.5:
            choice = "3"
        yield Wish(
            person=person,
            language_key=chance.choices("12", (4, 1))[0],
            choice=choice,
            patience_seconds=chance.uniform(20, 60),
            talk_seconds=chance.uniform(3, 10),
            hangs_up_first=chance.random() < 0.5,
            thinks_seconds=chance.uniform(0.6, 1.8),
        )
