"""Listening: on a free port, and not on a taken one."""

from __future__ import annotations

import socket

import aiohttp
import pytest

from acd.web.app import HttpBindError, serve
from tests.fakes.web_world import WebWorld


async def test_it_listens_as_long_as_the_block_runs(world: WebWorld) -> None:
    async with aiohttp.ClientSession() as client:
        async with serve(world.app, "127.0.0.1", 0) as port, client.get(f"http://127.0.0.1:{port}/healthz") as answer:
            assert answer.status == 200
        with pytest.raises(aiohttp.ClientConnectionError):
            await client.get(f"http://127.0.0.1:{port}/healthz")


async def test_a_taken_port_is_one_clear_sentence(world: WebWorld) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(HttpBindError, match=rf"port {port}: another program .* \(http.port\)"):
            async with serve(world.app, "127.0.0.1", port):
                pass


async def test_an_address_of_another_machine_is_one_clear_sentence(world: WebWorld) -> None:
    with pytest.raises(HttpBindError, match=r"no such address; mend http\.host"):
        async with serve(world.app, "192.0.2.1", 0):
            pass
