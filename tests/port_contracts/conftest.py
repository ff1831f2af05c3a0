"""Real servers, one of each for the whole session; every test gets a database of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from acd.adapters.asterisk.install import Installation
from tests.fakes.desk_store import FakeDeskStore
from tests.port_contracts.desk_samples import JEANNE, SHARED, SteppingClock, sql_store
from tests.port_contracts.lines import FakeLine, Line
from tests.port_contracts.real_lines import make_sounds, real_line
from tests.servers import postgres_database, postgres_server, redis_server
from ticketing.api import Contact, ContactDraft, Desk
from ticketing.service.desk_store import DeskStore


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    with postgres_server() as url:
        yield url


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    with redis_server() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
async def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """An empty database of each kind in turn."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'guichet.db'}"
        return
    async with postgres_database(request.getfixturevalue("postgres_url")) as url:
        yield url


@pytest.fixture(params=["fake", "sqlite", "postgresql"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[DeskStore]:
    match request.param:
        case "fake":
            yield FakeDeskStore()
        case "sqlite":
            async with sql_store(f"sqlite:///{tmp_path / 'desk.db'}") as opened:
                yield opened
        case _:
            async with postgres_database(request.getfixturevalue("postgres_url")) as url, sql_store(url) as opened:
                yield opened


@pytest.fixture
def desk(store: DeskStore) -> Desk:
    return Desk(store, SteppingClock())


@pytest.fixture
async def jeanne(desk: Desk) -> Contact:
    return await desk.create_contact(
        ContactDraft(
            name="Jeanne Éloïse Dupont",
            organisation="Mairie de Brest",
            phone_numbers=(JEANNE, SHARED),
            emails=("jeanne@brest.example", "jd@brest.example"),
            vip=True,
            contract="gold",
            language="fr",
            site="Brest",
        )
    )


@pytest.fixture(scope="session")
def sound_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_sounds(tmp_path_factory.mktemp("sounds"))


@pytest.fixture(params=["fake", "asterisk"])
async def line(
    request: pytest.FixtureRequest, sound_folder: Path, asterisk_installation: Installation
) -> AsyncIterator[Line]:
    """A caller under control. `asterisk_installation` is named so that it is prepared before the first test."""
    if request.param == "fake":
        yield FakeLine()
        return
    async with real_line(request.getfixturevalue("asterisk"), sound_folder) as opened:
        yield opened
