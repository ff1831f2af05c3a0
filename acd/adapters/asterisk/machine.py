"""This machine's commands: what is on PATH, and running it, as an administrator where needed."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

Progress = Callable[[str], None]


class InstallationError(Exception):
    """No usable Asterisk, and none could be made. The text is one sentence that says what to mend."""

    error_id = "asterisk.installation"


def say_nothing(_line: str) -> None:
    """A `Progress` for those who do not want to know."""


@dataclass(frozen=True, slots=True)
class Machine:
    """`environment` decides what is found and where it is cached; tests hand in their own PATH."""

    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    is_root: bool = field(default_factory=lambda: os.geteuid() == 0)

    def which(self, name: str) -> str | None:
        # Administrators' commands are not on every user's PATH, but debootstrap and apt-get live there.
        path = self.environment.get("PATH", os.defpath)
        extra = self.environment.get("GUICHET_ADMIN_PATH", "/usr/local/sbin:/usr/sbin:/sbin")
        return shutil.which(name, path=f"{path}:{extra}" if extra else path)

    @property
    def cache(self) -> Path:
        base = self.environment.get("XDG_CACHE_HOME") or f"{self.environment.get('HOME') or Path.home()}/.cache"
        return Path(base).expanduser() / "guichet"

    def administrator(self) -> tuple[str, ...] | None:
        """What stands before a command that needs root: nothing for root, sudo where it asks no password, else None."""
        if self.is_root:
            return ()
        sudo = self.which("sudo")
        if sudo is None or self.answer([sudo, "-n", "true"]) is None:
            return None
        return (sudo, "-n")

    def answer(self, command: Sequence[str]) -> str | None:
        """The standard output of a quick question, None where the command is missing or says no."""
        program = self.which(command[0])
        if program is None:
            return None
        try:
            done = subprocess.run(
                [program, *command[1:]],
                capture_output=True,
                text=True,
                errors="replace",
                timeout=30,
                check=False,
                env={**self.environment, "LC_ALL": "C"},
                stdin=subprocess.DEVNULL,
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout if done.returncode == 0 else None

    def do(self, command: Sequence[str], log: Path, what: str) -> None:
        """Run a step to its end, its output appended to `log`. Raises InstallationError with the last words of it."""
        program = self.which(command[0])
        if program is None:
            raise InstallationError(f"{what}: the command {command[0]} is not there; install it and try again")
        with log.open("ab") as output:
            start = output.tell()
            try:
                done = subprocess.run(
                    [program, *command[1:]],
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    stdin=subprocess.DEVNULL,
                    check=False,
                    env={**self.environment, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"},
                )
            except OSError as error:
                raise InstallationError(f"{what}: {command[0]} cannot be run: {error.strerror}") from error
        if done.returncode != 0:
            with log.open("rb") as written:
                written.seek(start)
                lines = [line for line in written.read().decode("utf-8", "replace").splitlines() if line.strip()]
            last = lines[-1].strip() if lines else f"exit code {done.returncode}"
            raise InstallationError(f"{what} failed: {last} (all of it in {log})")
