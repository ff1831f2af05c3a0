"""The folders of a local Asterisk: made, linked to the installation's sounds, written, and what must be free before."""

from __future__ import annotations

import errno
import hashlib
import math
import os
import socket
import stat
import struct
import tempfile
import wave
from collections.abc import Mapping
from pathlib import Path

from acd.adapters.asterisk.install import Installation
from acd.adapters.asterisk.machine import Machine, Progress
from acd.adapters.asterisk.readiness import AsteriskError
from acd.adapters.asterisk.render import Folders, Layout, RenderError, bracketed
from acd.settings import AsteriskSettings, Settings

_SOCKET_PATH_LIMIT = 107  # bytes of sun_path (unix(7)) without its closing NUL


def folders_at(home: Path, installation: Installation) -> Folders:
    """Everything below `home`; the control socket elsewhere where its path would be too long."""
    return Folders(
        etc=home / "etc",
        lib=home / "lib",
        data=home / "share",
        spool=home / "spool",
        run=_run_folder(home),
        log=home / "log",
        modules=installation.modules,
    )


def layout_of(folders: Folders, settings: Settings, installation: Installation) -> Layout:
    """Raises RenderError where asterisk.ami.host is no address."""
    return Layout(
        folders=folders,
        music=installation.music or folders.data / "moh",
        sip_bind=bracketed(settings.asterisk.sip.host),
        ami_bind=_own_address(settings.asterisk.ami.host),
    )


def _run_folder(home: Path) -> Path:
    if len(os.fsencode(home / "run/asterisk.ctl")) <= _SOCKET_PATH_LIMIT:
        return home / "run"
    base = os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
    return Path(base) / f"guichet-{os.getuid()}-{hashlib.sha256(os.fsencode(home)).hexdigest()[:12]}"


def _own_address(host: str) -> str:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError as error:
        raise RenderError(f"asterisk.ami.host: {host!r} does not resolve to an address of this machine") from error
    return str(found[0][4][0])


def make(folders: Folders, installation: Installation) -> None:
    """Make the folders, readable by their owner only. Raises AsteriskError where one cannot be made."""
    try:
        folders.etc.parent.mkdir(parents=True, exist_ok=True)
        for folder in (
            folders.etc,
            folders.lib,
            folders.lib / "keys",
            folders.data,
            folders.data / "sounds",
            folders.spool,
            folders.run,
            folders.log,
        ):
            folder.mkdir(mode=0o700, exist_ok=True)
            _check_ours(folder)
        for language, sounds in installation.sounds.items():
            _link(folders.data / "sounds" / language, sounds)
        if installation.documentation is not None:
            _link(folders.data / "documentation", installation.documentation)
        if installation.music is None:
            _write_tone(folders.data / "moh")
    except OSError as error:
        raise AsteriskError(
            f"{error.filename or folders.etc.parent} cannot be written: {error.strerror};"
            " give Guichet another data directory (service.data_dir) or mend its rights"
        ) from error


def _check_ours(folder: Path) -> None:
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or not os.access(folder, os.W_OK | os.X_OK):
        raise OSError(errno.EACCES, "it is not a folder of this user", str(folder))
    if found.st_mode & 0o077:
        folder.chmod(0o700)


def _link(link: Path, target: Path) -> None:
    if link.is_symlink() and link.readlink() == target:
        return
    link.unlink(missing_ok=True)
    link.symlink_to(target)


def _write_tone(folder: Path) -> None:
    """Two soft notes and a rest, for an Asterisk that came without music: silence would sound like a lost call."""
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / "guichet-tone.wav"
    if path.exists():
        return
    rate = 8000
    samples = bytearray()
    for hertz, seconds in ((440.0, 0.6), (0.0, 0.4), (554.4, 0.6), (0.0, 2.4)):
        count = int(rate * seconds)
        for n in range(count):
            swell = math.sin(math.pi * n / count)  # no click where a note begins or ends
            samples += struct.pack("<h", round(3000 * swell * math.sin(2 * math.pi * hertz * n / rate)))
    with wave.open(str(path), "wb") as written:
        written.setnchannels(1)
        written.setsampwidth(2)
        written.setframerate(rate)
        written.writeframes(bytes(samples))


def write(folder: Path, files: Mapping[str, str]) -> None:
    """Make `folder` hold exactly `files`, save for what the administrator keeps there as *_local.conf.

    Raises AsteriskError.
    """
    try:
        for path in folder.iterdir():
            if path.is_file() and path.name not in files and not path.name.endswith("_local.conf"):
                path.unlink()
        for name, text in files.items():
            write_file(folder / name, text)
    except OSError as error:
        raise AsteriskError(f"{error.filename or folder} cannot be written: {error.strerror}") from error


def write_file(path: Path, text: str) -> None:
    """All or nothing, and for its owner's eyes only: there are secrets in it."""
    partial = path.with_name(f".{path.name}.new")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
        opened.write(text)
    partial.replace(path)


def check_ports(asterisk: AsteriskSettings, layout: Layout) -> None:
    """Raise AsteriskError for the first port that another program has, or whose address is not this machine's."""
    wanted = (
        ("asterisk.sip", asterisk.sip.host, asterisk.sip.port, socket.SOCK_DGRAM, "UDP"),
        ("asterisk.ami", layout.ami_bind, asterisk.ami.port, socket.SOCK_STREAM, "TCP"),
    )
    for name, host, port, kind, protocol in wanted:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family, kind) as trial:
            if kind == socket.SOCK_STREAM:
                trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as Asterisk does: TIME_WAIT is no owner
            try:
                trial.bind((host, port))
            except OSError as error:
                raise AsteriskError(_port_sentence(name, host, port, protocol, error)) from error


def _port_sentence(name: str, host: str, port: int, protocol: str, error: OSError) -> str:
    variable = f"GUICHET_{name.upper().replace('.', '__')}__"
    if error.errno == errno.EADDRINUSE:
        return (
            f"{protocol} port {port} of {host} is in use by another program: stop that one,"
            f" or choose another port ({name}.port, or {variable}PORT)"
        )
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{host} is not an address of this machine: correct {name}.host (or {variable}HOST)"
    return f"{protocol} port {port} of {host} cannot be used: {error.strerror} ({name}.port)"


def with_host_name(command: list[str], folders: Folders, progress: Progress, host_name: str | None = None) -> list[str]:
    """PJSIP looks up the machine's own name at every call and waits about 5 s where nobody knows it.

    Says so; as root it also mends it for this Asterisk alone, by a hosts file of its own in a private mount namespace.
    """
    name = host_name or socket.gethostname()
    try:
        socket.getaddrinfo(name, None)
    except OSError:
        pass
    else:
        return command
    machine = Machine()
    unshare = machine.which("unshare")
    if machine.is_root and unshare and machine.answer([unshare, "-m", "true"]) is not None:
        progress(
            f"This machine's own name {name} does not resolve: Asterisk gets a hosts file of its own that knows it"
        )
        hosts = folders.lib / "hosts"
        known = Path("/etc/hosts")
        write_file(
            hosts, f"{known.read_text('utf-8', 'replace') if known.exists() else ''}\n127.0.0.1 localhost {name}\n"
        )
        return [unshare, "-m", "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"', str(hosts), *command]
    progress(
        f"This machine's own name {name} does not resolve, which delays every call by about 5 s:"
        f" add the line `127.0.1.1 {name}` to /etc/hosts"
    )
    return command
