"""The command `guichet asterisk`, as a person types it: its words and its exit codes."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from acd.adapters.asterisk.install import Installation
from tests.integration.asterisk_fixture import free_port


class CommandLine:
    def __init__(self, data_dir: Path) -> None:
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("GUICHET_")},
            "GUICHET_SERVICE__DATA_DIR": str(data_dir),
            "GUICHET_ASTERISK__AMI__PORT": str(free_port()),
            "GUICHET_ASTERISK__FASTAGI__PORT": str(free_port()),
            "GUICHET_ASTERISK__SIP__PORT": str(free_port(socket.SOCK_DGRAM)),
        }

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        """(exit code, output, errors)"""
        program = "from acd.cli.asterisk import app; app(prog_name='guichet asterisk')"
        done = subprocess.run(
            [sys.executable, "-c", program, *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=90,
        )
        return done.returncode, done.stdout, done.stderr


@pytest.fixture
def guichet(tmp_path: Path, asterisk_installation: Installation) -> CommandLine:
    del asterisk_installation  # it is there: the commands find it by themselves
    return CommandLine(tmp_path / "data")


def test_up_status_and_down(guichet: CommandLine) -> None:
    code, _output, errors = guichet("status")
    assert (code, errors) == (1, "Asterisk is not running: `guichet asterisk up` starts it\n")
    try:
        code, output, errors = guichet("up")
        assert (code, errors) == (0, "")
        match = re.search(r"Asterisk is ready \(process (\d+)\)", output)
        assert match is not None
        code, output, _errors = guichet("up")
        assert code == 0
        assert "Asterisk is running already" in output
        assert f"process {match[1]}" in output
        code, output, _errors = guichet("status")
        assert code == 0
        assert "0 active calls" in output
        guichet.environment["GUICHET_AMI_SECRET"] = "not-the-secret"
        code, _output, errors = guichet("status")
        assert code == 1
        assert "refuses the manager user 'guichet'" in errors
        assert "GUICHET_AMI_SECRET" in errors
    finally:
        code, output, _errors = guichet("down")
    assert code == 0
    assert "has ended" in output
    assert guichet("down")[:2] == (0, "Asterisk was not running\n")


def test_a_port_in_use(guichet: CommandLine) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", int(guichet.environment["GUICHET_ASTERISK__AMI__PORT"])))
        taken.listen()
        code, _output, errors = guichet("up")
    assert code == 1
    assert re.fullmatch(r"TCP port \d+ of 127\.0\.0\.1 is in use by another program: .*asterisk\.ami\.port.*\n", errors)


def test_a_secret_that_cannot_stand_in_a_file(guichet: CommandLine) -> None:
    guichet.environment["GUICHET_AMI_SECRET"] = "abc;def\n[evil]"
    code, _output, errors = guichet("config", "--print")
    assert code == 1
    assert "GUICHET_AMI_SECRET" in errors
    assert "evil" not in errors


def test_a_setting_that_is_wrong_is_named(guichet: CommandLine) -> None:
    guichet.environment["GUICHET_ASTERISK__SIP__HOST"] = "sip.example"
    code, _output, errors = guichet("config", "--print")
    assert code == 1
    assert "asterisk.sip.host: 'sip.example' is not an IP address" in errors
    guichet.environment["GUICHET_ASTERISK__SIP__PORT"] = "99999"
    code, _output, errors = guichet("up")
    assert code == 1
    assert "less than or equal to 65535" in errors


def test_config_print_writes_no_file_but_its_secrets(guichet: CommandLine, tmp_path: Path) -> None:
    code, output, errors = guichet("config", "--print")
    assert (code, errors) == (0, "")
    assert f"port = {guichet.environment['GUICHET_ASTERISK__AMI__PORT']}" in output
    assert "[agent-1050](guichet-agent)" in output
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["secrets"]
    assert guichet("config", "--print")[1] == output  # the same the next time: the secrets are kept


def test_config_into_a_folder_for_an_asterisk_elsewhere(guichet: CommandLine, tmp_path: Path) -> None:
    folder = tmp_path / "for-a-container"
    code, _output, errors = guichet("config", "--into", str(folder))
    assert (code, errors) == (0, "")
    assert f"astetcdir => {folder}" in (folder / "asterisk.conf").read_text()
    assert (folder / "extensions_guichet.conf").stat().st_mode & 0o077 == 0
    blocked = tmp_path / "blocked"
    blocked.write_text("")
    code, _output, errors = guichet("config", "--into", str(blocked))
    assert code == 1
    assert "cannot be written" in errors


def test_config_without_more_writes_the_local_ones_and_starts_nothing(guichet: CommandLine, tmp_path: Path) -> None:
    code, output, _errors = guichet("config")
    assert code == 0
    assert (tmp_path / "data/asterisk/etc/asterisk.conf").exists()
    assert "files are in" in output
    assert guichet("status")[0] == 1
