"""The API asked anything its own description allows, and much that it does not, by every role: the running service
never answers with a fault of its own, nor with anything that its description does not tell of."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.checks import CHECKS, load_all_checks

from acd.service.ports import Role, User
from acd.web.app import ENDPOINTS
from acd.web.openapi import openapi_document
from tests.integration.asterisk_fixture import RunningAsterisk
from tests.integration.house import PASSWORD, House, open_house

pytestmark = pytest.mark.asyncio(loop_scope="module")

load_all_checks()
WANTED: Any = CHECKS.get_by_names(
    ["not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance"]
)
DOCUMENT = openapi_document(ENDPOINTS, "test")
OPERATIONS = [(method.upper(), path) for path, methods in DOCUMENT["paths"].items() for method in methods]
NOBODY = "nobody"
ROLES = ("agent", "supervisor", NOBODY)


class Api:
    """The service's API, the sessions of each role, and things that are there."""

    def __init__(self, house: House, known: dict[str, str]) -> None:
        self.url = house.url
        self.schema = schemathesis.openapi.from_dict(DOCUMENT)
        self.known = known
        self.answered: set[int] = set()
        self._tokens = {role: self._log_in(role) for role in ROLES if role != NOBODY}

    def ask(self, case: Case[Any], role: str, *, about_known: bool) -> None:
        """Raises what a check finds."""
        headers = {}
        if role != NOBODY:
            is_last_word = (case.operation.method.upper(), case.operation.path) == ("DELETE", "/api/v1/session")
            headers["Authorization"] = f"Bearer {self._log_in(role) if is_last_word else self._tokens[role]}"
        if about_known and case.path_parameters:
            parameters = dict(case.path_parameters)
            case.path_parameters.update({name: self.known.get(name, value) for name, value in parameters.items()})
        response = case.call(base_url=self.url, headers=headers)
        self.answered.add(response.status_code)
        case.validate_response(response, checks=WANTED)

    def ask_much(self, method: str, path: str, role: str, mode: GenerationMode) -> None:
        cases = self.schema[path][method].as_strategy(generation_mode=mode)

        @settings(
            max_examples=1 if role == NOBODY else 4,
            deadline=None,
            derandomize=True,
            database=None,
            phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
        )
        @given(case=cases, about_known=st.booleans())
        def ask(case: Case[Any], about_known: bool) -> None:
            self.ask(case, role, about_known=about_known)

        ask()

    def _log_in(self, role: str) -> str:
        body = json.dumps({"login": f"any_{role}", "password": PASSWORD, "token": True}).encode()
        parts = urlsplit(self.url)
        connection = HTTPConnection(parts.hostname or "", parts.port, timeout=30)
        connection.request("POST", "/api/v1/session", body, {"Content-Type": "application/json"})
        answer = json.load(connection.getresponse())
        connection.close()
        return str(answer["token"])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def api(asterisk: RunningAsterisk, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Api]:
    async with open_house(asterisk, tmp_path_factory.mktemp("any")) as house, house.service():
        extension = house.new_extension()
        for role, roles in (("agent", {Role.AGENT}), ("supervisor", {Role.SUPERVISOR, Role.ADMIN})):
            user = User(
                login=f"any_{role}",
                name=f"Any {role}",
                roles=frozenset(roles),
                extension=extension if role == "agent" else None,
                skills={"support": 3},
            )
            await house.users.save(user, PASSWORD)
        contact = await house.contact("Jeanne Roux", "+33612345678")
        ticket = await house.open_ticket(contact, "Printer")
        known = {"number": str(ticket), "agent_id": "agent_any_agent", "queue": "support"}
        yield await asyncio.to_thread(Api, house, known)


@pytest.mark.parametrize(("method", "path"), OPERATIONS, ids=lambda part: part)
async def test_nothing_that_is_asked_is_a_fault(api: Api, method: str, path: str) -> None:
    for role in ROLES:
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            await asyncio.to_thread(api.ask_much, method, path, role, mode)


async def test_the_answers_were_of_every_kind(api: Api) -> None:
    """Else nothing was asked that matters. After all the others."""
    assert {200, 204, 400, 401, 403, 404, 409, 422} <= api.answered
