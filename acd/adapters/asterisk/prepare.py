"""An Asterisk of one's own in a folder of the user's cache: Debian testing's, unpacked by debootstrap.

The folder is not entered with chroot: its programs run through its own dynamic loader, so that paths are the
same inside and outside, nothing needs mounting and running it needs no root. Only the unpacking does.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from acd.adapters.asterisk.machine import InstallationError, Machine, Progress

SUITE = "testing"
PACKAGES = ("asterisk", "asterisk-core-sounds-fr-wav", "asterisk-core-sounds-en-wav", "asterisk-moh-opsound-wav")
NO_ADMINISTRATOR = (
    "No Asterisk is installed and preparing one needs root once: run this command as root or with sudo,"
    " install Asterisk 18 or later yourself, or start everything in containers with `docker compose up`"
)
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


def loader_command(tree: Path) -> tuple[str, ...] | None:
    """How to run the tree's Asterisk from outside, None where the tree holds none.

    Globs stand for the architecture (x86_64, aarch64, ...).
    """
    loaders = sorted([*tree.glob("usr/lib/*/ld-linux*.so.*"), *tree.glob("usr/lib/ld-linux*.so.*")])
    program = tree / "usr/sbin/asterisk"
    libraries = sorted(folder.parent for folder in tree.glob("usr/lib/*/asterisk"))
    if not loaders or not libraries or not program.is_file():
        return None
    return (str(loaders[0]), "--library-path", f"{libraries[0]}:{tree / 'usr/lib'}", str(program))


def prepared_tree(machine: Machine) -> Path:
    return machine.cache / f"asterisk-debian-{SUITE}"


def debian_mirror(index_targets: str) -> str | None:
    """The archive this machine's own apt takes Debian from, None where it is no Debian.

    `index_targets`: lines of `uri|origin|label|component` as `apt-get indextargets --format` prints them.
    """
    for line in index_targets.splitlines():
        uri, origin, label, component = (part.strip() for part in (line + "|||").split("|")[:4])
        known = origin == "Debian" and label == "Debian"
        # Before the first `apt-get update` apt does not know the origin yet; the path tells.
        guessed = origin in {"", "$(ORIGIN)"} and uri.rstrip("/").endswith("/debian")
        if (known or guessed) and component == "main" and uri.startswith(("http://", "https://", "file:")):
            return uri.rstrip("/")
    return None


def prepare(machine: Machine, progress: Progress) -> Path:
    """Return the tree, making it if it is not there. Two callers at once: one makes it, the other waits.

    Raises InstallationError.
    """
    tree = prepared_tree(machine)
    if loader_command(tree):
        return tree
    try:
        machine.cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InstallationError(f"{machine.cache} cannot be made: {error.strerror}; set XDG_CACHE_HOME") from error
    with _only_one(machine.cache / "asterisk.lock", progress):
        if not loader_command(tree):
            _make(machine, tree, progress)
    return tree


@contextmanager
def _only_one(lock: Path, progress: Progress) -> Iterator[None]:
    with lock.open("w") as opened:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress("Another guichet is preparing Asterisk: waiting for it")
            fcntl.flock(opened, fcntl.LOCK_EX)
        yield


def _make(machine: Machine, tree: Path, progress: Progress) -> None:
    administrator = machine.administrator()
    if administrator is None:
        raise InstallationError(NO_ADMINISTRATOR)
    log = machine.cache / "asterisk-prepare.log"
    log.write_bytes(b"")
    _ensure_debootstrap(machine, administrator, log, progress)
    # Never half-made: unpacked under another name, tried, then renamed.
    partial = Path(tempfile.mkdtemp(prefix=f"{tree.name}.partial-", dir=machine.cache))
    partial.chmod(0o755)
    try:
        progress(f"Unpacking Asterisk from Debian {SUITE} into {tree} (600 MB, about a minute)")
        machine.do(_debootstrap_command(machine, administrator, partial), log, "Unpacking Debian's Asterisk")
        machine.do([*administrator, "rm", "-rf", str(partial / "var/cache/apt/archives")], log, "Tidying up")
        command = loader_command(partial)
        if command is None or machine.answer([*command, "-V"]) is None:
            raise InstallationError(f"Debian's Asterisk was unpacked but does not run here (see {log})")
        if tree.exists():  # of an earlier guichet, and not usable: loader_command said so
            machine.do([*administrator, "rm", "-rf", str(tree)], log, "Removing an unusable tree")
        partial.rename(tree)
    except BaseException:
        machine.answer([*administrator, "rm", "-rf", str(partial)])
        raise


def _debootstrap_command(machine: Machine, administrator: tuple[str, ...], target: Path) -> list[str]:
    # sudo empties the environment; the proxy of apt's own configuration is as good as the user's.
    proxies = [f"{name}={value}" for name, value in _proxies(machine).items()]
    command = [*administrator, "env", *proxies, "debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}"]
    if _KEYRING.is_file():
        command.append(f"--keyring={_KEYRING}")
    command += [SUITE, str(target)]
    form = "$(REPO_URI)|$(ORIGIN)|$(LABEL)|$(COMPONENT)"
    mirror = debian_mirror(machine.answer(["apt-get", "indextargets", "--format", form]) or "")
    return [*command, mirror] if mirror else command


def _proxies(machine: Machine) -> dict[str, str]:
    found = {}
    for name in ("http_proxy", "https_proxy"):
        protocol = name.removesuffix("_proxy")
        told = machine.answer(["apt-config", "shell", "PROXY", f"Acquire::{protocol}::Proxy"]) or ""
        value = machine.environment.get(name) or told.strip().removeprefix("PROXY='").removesuffix("'")
        if value and value != "DIRECT":
            found[name] = value
    return found


def _ensure_debootstrap(machine: Machine, administrator: tuple[str, ...], log: Path, progress: Progress) -> None:
    wanted = [] if machine.which("debootstrap") else ["debootstrap"]
    if not _KEYRING.is_file() and machine.which("apt-get"):
        wanted.append("debian-archive-keyring")
    if wanted:
        install_packages(machine, administrator, wanted, log, progress)
    scripts = Path(machine.environment.get("DEBOOTSTRAP_DIR") or "/usr/share/debootstrap") / "scripts"
    if (scripts / "sid").exists() and not os.path.lexists(scripts / SUITE):
        link = [*administrator, "ln", "-s", "sid", str(scripts / SUITE)]
        machine.do(link, log, f"Teaching debootstrap the suite {SUITE}")


def install_packages(
    machine: Machine, administrator: tuple[str, ...], packages: list[str], log: Path, progress: Progress
) -> None:
    """apt-get install; without a package list yet (a fresh container) it is fetched first. Raises InstallationError."""
    if machine.which("apt-get") is None:
        raise InstallationError(
            f"{', '.join(packages)} is missing and this machine has no apt-get: install Asterisk 18 or later yourself,"
            " or start everything in containers with `docker compose up`"
        )
    progress(f"Installing {', '.join(packages)} with apt-get")
    if any(
        (machine.answer(["apt-cache", "policy", name]) or "").find("Candidate: (none)") >= 0 for name in packages
    ) or not (machine.answer(["apt-cache", "policy", *packages])):
        machine.do([*administrator, "apt-get", "-q", "update"], log, "apt-get update")
    machine.do(
        [
            *administrator,
            "env",
            "DEBIAN_FRONTEND=noninteractive",
            "apt-get",
            "-q",
            "-y",
            "--no-install-recommends",
            "install",
            *packages,
        ],
        log,
        f"apt-get install {' '.join(packages)}",
    )
