"""Find an Asterisk to run: on PATH, from the system's packages, or prepared in a folder of the user's cache."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from acd.adapters.asterisk.machine import InstallationError, Machine, Progress, say_nothing
from acd.adapters.asterisk.prepare import (
    NO_ADMINISTRATOR,
    install_packages,
    loader_command,
    prepare,
    prepared_tree,
)

OLDEST_VERSION = 18
LANGUAGES = ("fr", "en")
_SOUND_PACKAGES = ("asterisk-core-sounds-fr-wav", "asterisk-core-sounds-en-wav", "asterisk-moh-opsound-wav")
_MUSIC_FORMATS = frozenset({".wav", ".gsm", ".ulaw", ".alaw", ".sln", ".sln16", ".g722"})


@dataclass(frozen=True, slots=True)
class Installation:
    """An Asterisk that can be started.

    command: what to run, to which `-C file` and the rest are appended. modules: folder of the .so files.
    sounds: language -> folder of its built-in sounds. music: folder of music on hold. documentation: of the XML
    that Asterisk checks its options against; None where there is none.
    """

    origin: Literal["path", "package", "prepared"]
    version: str
    command: tuple[str, ...]
    modules: Path
    sounds: dict[str, Path]
    music: Path | None
    documentation: Path | None


def version_of(answer: str) -> tuple[int, str] | None:
    """`Asterisk 22.10.1+dfsg` or Debian's `1:20.6.0~dfsg-1` -> (major, the whole); None where there is none."""
    found = re.search(r"(?:^|\s)(?:Asterisk\s+)?(?:certified[/-])?(?:\d+:)?((\d+)\.[\w.+~-]*)", answer)
    return (int(found[2]), found[1]) if found else None


def find_installation(
    machine: Machine | None = None, progress: Progress = say_nothing, *, prepare_missing: bool = True
) -> Installation:
    """The best Asterisk of this machine; installs or prepares one where there is none (minutes, not seconds).

    Raises InstallationError, whose text says what to do.
    """
    machine = machine or Machine()
    if (found := _on_path(machine)) is not None:
        return found
    if (command := loader_command(prepared_tree(machine))) is not None:
        return _prepared(machine, prepared_tree(machine), command)
    if not prepare_missing:
        raise InstallationError("No Asterisk is here yet: `guichet asterisk up` finds or prepares one")
    candidate = version_of(_candidate(machine))
    if candidate is not None and candidate[0] >= OLDEST_VERSION:
        return _from_package(machine, progress)
    tree = prepare(machine, progress)
    made = loader_command(tree)
    if made is None:
        raise InstallationError(f"{tree} holds no Asterisk that runs on this machine; remove it and try again")
    return _prepared(machine, tree, made)


def _on_path(machine: Machine) -> Installation | None:
    program = machine.which("asterisk")
    version = version_of(machine.answer([program, "-V"]) or "") if program else None
    if program is None or version is None or version[0] < OLDEST_VERSION:
        return None  # an older one is left alone, and a newer one prepared beside it
    root = Path(program).resolve().parent.parent
    candidates = [*sorted(root.glob("lib*/*/asterisk/modules")), *sorted(root.glob("lib*/asterisk/modules"))]
    modules = next((folder for folder in candidates if (folder / "chan_pjsip.so").exists()), None)
    if modules is None:
        raise InstallationError(
            f"{program} has no PJSIP (chan_pjsip.so is not under {root}/lib): install Asterisk's modules package, or"
            " take that Asterisk off PATH and let Guichet prepare one"
        )
    shares = [root / "share/asterisk", root / "var/lib/asterisk", Path("/var/lib/asterisk")]
    return _installation("path", version[1], (program,), modules, shares)


def _from_package(machine: Machine, progress: Progress) -> Installation:
    administrator = machine.administrator()
    if administrator is None:
        raise InstallationError(NO_ADMINISTRATOR)
    machine.cache.mkdir(parents=True, exist_ok=True)
    log = machine.cache / "asterisk-prepare.log"
    sounds = [name for name in _SOUND_PACKAGES if version_of(_candidate(machine, name))]
    install_packages(machine, administrator, ["asterisk", *sounds], log, progress)
    if Path("/run/systemd/system").is_dir():
        # The package starts a second Asterisk with the machine's /etc/asterisk, on the ports ours needs.
        progress("Stopping the service that the package has just started: Guichet starts its own Asterisk")
        machine.do([*administrator, "systemctl", "disable", "--now", "asterisk"], log, "Stopping the packaged service")
    found = _on_path(machine)
    if found is None:
        raise InstallationError(
            f"apt-get installed asterisk, but no asterisk >= {OLDEST_VERSION} is on PATH (see {log})"
        )
    return found


def _candidate(machine: Machine, package: str = "asterisk") -> str:
    told = machine.answer(["apt-cache", "policy", package]) or ""
    return next((line.split(":", 1)[1] for line in told.splitlines() if line.strip().startswith("Candidate:")), "")


def _prepared(machine: Machine, tree: Path, command: tuple[str, ...]) -> Installation:
    version = version_of(machine.answer([*command, "-V"]) or "")
    if version is None:
        raise InstallationError(
            f"The Asterisk in {tree} does not run on this machine; remove that folder and try again"
        )
    modules = Path(command[2].split(":")[0]) / "asterisk/modules"
    return _installation(
        "prepared", version[1], command, modules, [tree / "usr/share/asterisk", tree / "var/lib/asterisk"]
    )


def _installation(
    origin: Literal["path", "prepared"], version: str, command: tuple[str, ...], modules: Path, shares: list[Path]
) -> Installation:
    sounds: dict[str, Path] = {}
    for language in LANGUAGES:
        # Links may be absolute (/etc/alternatives) and then lead out of a prepared tree: real folders first.
        found = [
            path
            for share in shares
            for path in sorted(share.glob(f"sounds/{language}*"))
            if any(path.glob("vm-goodbye.*"))
        ]
        if found:
            sounds[language] = min(found, key=lambda path: path.is_symlink())
    music = next((share / "moh" for share in shares if _has_music(share / "moh")), None)
    documentation = next((share / "documentation" for share in shares if (share / "documentation").is_dir()), None)
    return Installation(origin, version, command, modules, sounds, music, documentation)


def _has_music(folder: Path) -> bool:
    return folder.is_dir() and any(path.suffix in _MUSIC_FORMATS for path in folder.iterdir())
