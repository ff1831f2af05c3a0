"""Secrets of one installation: from the environment, from files, or made once and kept in the data directory.

`GUICHET_AMI_SECRET` wins over `GUICHET_AMI_SECRET_FILE` (docker and systemd credentials), which wins over
`<data_dir>/secrets/ami_secret`, which is created with a random value, readable by its owner only.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets as _random
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


class SecretError(Exception):
    """A secret cannot be read, or is unfit to be written into a line of configuration."""

    error_id = "secret.unusable"


@dataclass(frozen=True, slots=True, repr=False)
class Secrets:
    """repr shows nothing: these must never reach a log."""

    ami_secret: str
    agi_token: str
    sip_secret: str  # every agent phone's own password is derived from it

    def phone_password(self, extension: str) -> str:
        """The SIP password of one agent's phone; a leaked one tells nothing of the others."""
        return hmac.new(self.sip_secret.encode(), extension.encode(), hashlib.sha256).hexdigest()[:20]


def load_secrets(data_dir: Path, environment: Mapping[str, str] | None = None) -> Secrets:
    environment = os.environ if environment is None else environment
    return Secrets(
        *(_load(name, data_dir / "secrets", environment) for name in ("ami_secret", "agi_token", "sip_secret"))
    )


def _load(name: str, folder: Path, environment: Mapping[str, str]) -> str:
    variable = f"GUICHET_{name.upper()}"
    if value := environment.get(variable):
        return _checked(value, variable)
    if file := environment.get(f"{variable}_FILE"):
        return _checked(read_secret_file(Path(file), f"{variable}_FILE"), f"{variable}_FILE ({file})")
    path = folder / name
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return _checked(read_secret_file(path, name), str(path))
        value = _random.token_hex(16)
        with os.fdopen(descriptor, "w") as opened:
            opened.write(value)
    except OSError as error:
        raise SecretError(f"{path} cannot be read or made: {error.strerror}") from error
    return value


def read_secret_file(path: Path, named_by: str) -> str:
    """What a file of a secret says (docker, systemd credentials), without the line end. Raises SecretError."""
    try:
        return path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SecretError(f"{named_by}: {path} cannot be read: {getattr(error, 'strerror', 'not UTF-8')}") from error


def _checked(value: str, where: str) -> str:
    # These values stand in Asterisk's configuration files, where ; [ # and line ends have a meaning.
    if not value.isascii() or not value.replace("-", "").replace("_", "").isalnum() or len(value) < 8:
        raise SecretError(f"{where}: a secret has at least 8 letters, digits, - or _, and nothing else")
    return value
