"""An Asterisk of Guichet's own on this machine: one folder holds its configuration, its state and its logs.

It is a daemon: it outlives the command that started it, and the service that uses it.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import json
import os
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from acd.adapters.asterisk import folders
from acd.adapters.asterisk.install import Installation
from acd.adapters.asterisk.machine import Progress, say_nothing
from acd.adapters.asterisk.modules import REQUIRED, modules_to_load
from acd.adapters.asterisk.readiness import AsteriskError, NotAnsweringError, missing_modules
from acd.adapters.asterisk.render import Layout, render
from acd.secrets import Secrets, load_secrets
from acd.settings import Settings

START_TIME = 60.0  # seconds until an Asterisk that has not become ready is an error
STOP_TIME = 20.0  # seconds for hanging up and leaving by itself before it is killed
# Below the data directory, without ending: what a caller hears whom no service takes up for too long. Asterisk tries
# prompts/fr/apology.wav, prompts/en/apology.wav... by the channel's language, then prompts/apology.wav.
APOLOGY = Path("prompts/apology")
_CLI_TIME = 20.0
_POLL = 0.05
# What `core reload` does not pick up.
_NEEDS_RESTART = frozenset({"asterisk.conf", "modules.conf", "pjsip.conf"})


@dataclass(frozen=True, slots=True)
class Status:
    """problem: one sentence that says what to mend, None where all is well."""

    running: bool
    pid: int | None
    version: str
    problem: str | None


class AsteriskInstance:
    """One Asterisk, its home folder and its process.

    `extra_files`: file name -> text, beside or instead of the rendered ones. `apology`: see `render`.
    """

    def __init__(
        self,
        home: Path,
        settings: Settings,
        secrets: Secrets,
        installation: Installation,
        *,
        extra_files: Mapping[str, str] | None = None,
        apology: str = "",
        progress: Progress = say_nothing,
    ) -> None:
        self.home = home.expanduser().resolve()
        self.settings = settings
        self.secrets = secrets
        self.installation = installation
        self.folders = folders.folders_at(self.home, installation)
        self._extra_files = dict(extra_files or {})
        self._apology = apology
        self._progress = progress

    @property
    def configuration(self) -> Path:
        return self.folders.etc / "asterisk.conf"

    @property
    def _layout(self) -> Layout:
        return folders.layout_of(self.folders, self.settings, self.installation)

    def files(self) -> dict[str, str]:
        """File name -> text of its configuration. Raises RenderError, InstallationError (a module is missing)."""
        return render(
            self.settings,
            self.secrets,
            self._layout,
            modules=modules_to_load(self.installation.modules),
            apology=self._apology,
            extra_files=self._extra_files,
        )

    async def up(self) -> None:
        """Make it run with the present settings, and return once it is ready for calls.

        A running one with the same configuration is left alone, one with another is reloaded, or restarted where a
        reload is not enough. Raises AsteriskError, RenderError or InstallationError.
        """
        files = self.files()
        folders.make(self.folders, self.installation)
        async with self._alone():
            digests = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in files.items()}
            loaded = self._loaded()
            changed = {name for name in digests.keys() | loaded.keys() if digests.get(name) != loaded.get(name)}
            if self.pid() is not None and changed & _NEEDS_RESTART:
                self._progress("Restarting Asterisk: " + ", ".join(sorted(changed & _NEEDS_RESTART)) + " changed")
                await self._stop()
            running = self.pid() is not None
            if running and not changed:
                self._progress("Asterisk is running already")
            else:
                self._loaded_file.unlink(missing_ok=True)
                folders.write(self.folders.etc, files)
            if running and changed:
                self._progress("Reloading Asterisk: " + ", ".join(sorted(changed)) + " changed")
                await self.cli("core reload")
            elif not running:
                await self._start()
            await self._until_ready()
            folders.write_file(self._loaded_file, json.dumps(digests))

    def write(self) -> dict[str, str]:
        """Write the configuration and start nothing. The next `up` loads it."""
        files = self.files()
        folders.make(self.folders, self.installation)
        folders.write(self.folders.etc, files)
        return files

    async def down(self) -> None:
        """End it: gracefully (it hangs up and says goodbye), then hard. Nothing happens where none runs."""
        if self.folders.etc.is_dir():
            async with self._alone():
                await self._stop()

    async def status(self) -> Status:
        pid = self.pid()
        version = self.installation.version
        if pid is None:
            return Status(False, None, version, "Asterisk is not running: `guichet asterisk up` starts it")
        try:
            await self._check_modules()
        except AsteriskError as error:
            return Status(True, pid, version, str(error))
        return Status(True, pid, version, None)

    async def cli(self, line: str) -> str:
        """What Asterisk's own console answers to a line. Raises AsteriskError where it is not running."""
        process = await asyncio.create_subprocess_exec(
            *self.installation.command,
            "-C",
            str(self.configuration),
            "-rx",
            line,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(_CLI_TIME):
                output, errors = await process.communicate()
        except TimeoutError:
            process.kill()
            await process.wait()
            raise AsteriskError(
                f"Asterisk's console has not answered in {_CLI_TIME:.0f} s (see {self.folders.log})"
            ) from None
        if process.returncode != 0:
            said = (errors or output).decode("utf-8", "replace").strip().splitlines()
            raise AsteriskError(f"Asterisk's console does not answer: {said[-1] if said else 'it is not running'}")
        return output.decode("utf-8", "replace")

    def pid(self) -> int | None:
        """The process that runs with our configuration file, None where there is none.

        Read from the process table: a pid file may be stale, and its number may be another program's by now.
        """
        wanted = str(self.configuration).encode()
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                if entry.stat().st_uid != os.geteuid():
                    continue
                arguments = (entry / "cmdline").read_bytes().split(b"\0")
                state = (entry / "stat").read_bytes().rpartition(b")")[2].split()[:1]
            except OSError:
                continue  # gone since, or not ours to look at
            if wanted in arguments and b"-C" in arguments and b"-rx" not in arguments and state not in ([b"Z"], [b"X"]):
                return int(entry.name)
        return None

    @property
    def _loaded_file(self) -> Path:
        return self.home / "loaded.json"

    def _loaded(self) -> dict[str, str]:
        try:
            loaded = json.loads(self._loaded_file.read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return loaded if isinstance(loaded, dict) else {}

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        with (self.home / "lock").open("w") as lock:
            await asyncio.to_thread(fcntl.flock, lock, fcntl.LOCK_EX)
            yield

    async def _start(self) -> None:
        folders.check_ports(self.settings.asterisk, self._layout)
        command = [*self.installation.command, "-C", str(self.configuration)]
        command = folders.with_host_name(command, self.folders, self._progress)
        self._progress(f"Starting Asterisk {self.installation.version}")
        (self.folders.run / "asterisk.ctl").unlink(missing_ok=True)
        with (self.folders.log / "start.log").open("wb") as output:
            # Asterisk puts itself into the background once its options are read.
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self.home,
                start_new_session=True,
            )
            code = await process.wait()
        if code != 0:
            raise AsteriskError(f"Asterisk did not start: {self._last_words()}")

    async def _until_ready(self) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + START_TIME
        while True:
            try:
                await self._check_modules()
            except NotAnsweringError as error:
                if self.pid() is None:
                    raise AsteriskError(f"Asterisk ended while starting: {self._last_words()}") from error
                if loop.time() > deadline:
                    raise
                await asyncio.sleep(_POLL)
            else:
                return

    async def _check_modules(self) -> None:
        missing = await missing_modules(self.settings.asterisk.ami, self.secrets, [f"{name}.so" for name in REQUIRED])
        if missing:
            raise AsteriskError(
                f"Asterisk runs without {', '.join(missing)}, which Guichet needs: {self._last_words()};"
                " on Debian the package is asterisk-modules"
            )

    async def _stop(self) -> None:
        for number in (signal.SIGTERM, signal.SIGKILL):
            pid = self.pid()
            if pid is not None:
                with suppress(ProcessLookupError):
                    os.kill(pid, number)
                if not await self._ended(pid):
                    continue
            self._loaded_file.unlink(missing_ok=True)
            return
        raise AsteriskError(f"Asterisk (process {self.pid()}) does not end, not even killed: see what it waits for")

    async def _ended(self, pid: int) -> bool:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + STOP_TIME
        while loop.time() < deadline:
            if self.pid() != pid:
                return True
            await asyncio.sleep(_POLL)
        return False

    def _last_words(self) -> str:
        lines: list[str] = []
        for name in ("start.log", "messages"):
            with suppress(OSError):
                text = (self.folders.log / name).read_text("utf-8", "replace")
                lines += [line.strip() for line in text.splitlines() if "ERROR" in line or name == "start.log"]
        words = [line for line in lines if line]
        if words:
            return f"{words[-1]} (more in {self.folders.log})"
        if self.installation.documentation is None:
            # An Asterisk built with it checks every option against it, and ends without a word where it is missing.
            return "its XML documentation (documentation/core-en_US.xml) is missing: install Asterisk whole"
        return f"it says nothing; see {self.folders.log}"


def instance_of(settings: Settings, installation: Installation, progress: Progress = say_nothing) -> AsteriskInstance:
    """The local Asterisk of a site: its home is in the data directory. Raises SecretError."""
    return AsteriskInstance(
        settings.data_dir / "asterisk",
        settings,
        load_secrets(settings.data_dir),
        installation,
        apology=str(settings.data_dir.resolve() / APOLOGY),
        progress=progress,
    )
