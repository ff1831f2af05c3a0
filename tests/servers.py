"""Real servers for tests: PostgreSQL and Redis, each in a temporary folder, on a free loopback port, ended with the
block that started them."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from uuid import uuid4

from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import create_async_engine

_PATIENCE_SECONDS = 60.0


class ServerStartError(Exception):
    """A test server is not installed or did not come up; the message holds what it printed."""

    error_id = "test_server.start"


def free_port() -> int:
    """A loopback port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def postgres_server() -> Iterator[str]:
    """A new PostgreSQL cluster. Yields the URL of its empty database `postgres`, fit for `postgres_database`."""
    programs = _postgres_programs()
    with _server_folder("guichet-postgres-", _server_user()) as folder:
        data = folder / "data"
        _run([str(programs / "initdb"), "-D", str(data), "-A", "trust", "-U", "guichet", "-E", "UTF8", "--no-sync"])
        port = free_port()
        settings = [f"port={port}", "listen_addresses=127.0.0.1", "unix_socket_directories="]
        settings += ["fsync=off", "max_connections=60", "shared_buffers=32MB"]
        options = [part for setting in settings for part in ("-c", setting)]
        command = [str(programs / "postgres"), "-D", str(data), *options]
        is_ready = [str(programs / "pg_isready"), "-q", "-h", "127.0.0.1"]
        with _child(_as_server_user(command), folder / "log", signal.SIGQUIT) as server:
            _wait_until(lambda: _succeeds([*is_ready, "-p", str(port)]), server, folder / "log")
            yield f"postgresql://guichet@127.0.0.1:{port}/postgres"


@asynccontextmanager
async def postgres_database(server_url: str) -> AsyncIterator[str]:
    """A database without tables on a running `postgres_server`, dropped with the block. Yields its URL."""
    name = f"test_{uuid4().hex}"
    admin = create_async_engine(make_url(server_url).set(drivername="postgresql+asyncpg"), isolation_level="AUTOCOMMIT")
    try:
        async with admin.connect() as connection:
            await connection.execute(text(f"CREATE DATABASE {name}"))
        yield make_url(server_url).set(database=name).render_as_string(hide_password=False)
        async with admin.connect() as connection:
            await connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    finally:
        await admin.dispose()


@contextmanager
def redis_server(port: int | None = None) -> Iterator[str]:
    """A new Redis without persistence, on a free port unless one is given. Yields its URL."""
    program = shutil.which("redis-server")
    if program is None:
        raise ServerStartError("redis-server is not installed (Debian and Ubuntu: package redis-server)")
    with _server_folder("guichet-redis-", None) as folder:
        port = port or free_port()
        command = [program, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)]
        command += ["--save", "", "--appendonly", "no", "--daemonize", "no"]
        with _child(command, folder / "log", signal.SIGTERM) as server:
            _wait_until(lambda: _listens(port), server, folder / "log")
            yield f"redis://127.0.0.1:{port}/0"


def _postgres_programs() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    if on_path is None:
        raise ServerStartError("PostgreSQL's server is not installed (Debian and Ubuntu: package postgresql)")
    return Path(on_path).resolve().parent


def _server_user() -> pwd.struct_passwd | None:
    """PostgreSQL refuses to run as root: then it runs as the user its package made."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres")
    except KeyError as error:
        raise ServerStartError("running as root, and there is no user postgres to run PostgreSQL as") from error


@contextmanager
def _server_folder(prefix: str, owner: pwd.struct_passwd | None) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix=prefix) as name:
        if owner is not None:
            os.chown(name, owner.pw_uid, owner.pw_gid)
        yield Path(name)


def _as_server_user(command: Sequence[str]) -> list[str]:
    user = _server_user()
    if user is None:
        return list(command)
    return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", *command]


def _environment() -> dict[str, str]:
    return {name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ} | {"LC_ALL": "C.UTF-8"}


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(
        _as_server_user(command), capture_output=True, text=True, env=_environment(), cwd="/", check=False
    )
    if done.returncode != 0:
        raise ServerStartError(f"{Path(command[0]).name} ended with {done.returncode}:\n{done.stdout}{done.stderr}")


@contextmanager
def _child(command: Sequence[str], log: Path, end: signal.Signals) -> Iterator[subprocess.Popen[bytes]]:
    """A server that ends with the block; and with this process, should that be killed (no orphan keeps the port)."""
    if command[0] == "setpriv":  # one setpriv for both: changing the user would clear the signal again
        command = command[1:]
    die_with_us = ["setpriv", f"--pdeathsig={end.name.removeprefix('SIG')}"] if shutil.which("setpriv") else []
    with log.open("wb") as printed:
        server = subprocess.Popen(
            [*die_with_us, *command],
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=printed,
            env=_environment(),
            cwd="/",
        )
    try:
        yield server
    finally:
        server.send_signal(end)
        try:
            server.wait(_PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _wait_until(is_ready: Callable[[], bool], server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        if is_ready():
            return
        time.sleep(0.02)
    raise ServerStartError(f"the server did not come up:\n{log.read_text(errors='replace')}")


def _succeeds(command: Sequence[str]) -> bool:
    return subprocess.run(command, check=False).returncode == 0


def _listens(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False
