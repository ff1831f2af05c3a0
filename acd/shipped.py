"""Where the files shipped with Guichet are: `config/` of a checkout, or the copy inside an installed wheel."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def shipped_config() -> Path:
    """The folder with `defaults.yaml`, `ivr/`, `asterisk/`."""
    installed = _PACKAGE / "_shipped"
    return installed if installed.is_dir() else _PACKAGE.parent / "config"
