"""Secrets: from the environment, from files, or made once; never shown, never unfit for a line of configuration."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from acd.secrets import SecretError, Secrets, load_secrets, read_secret_file

GIVEN = {"GUICHET_AMI_SECRET": "ami-secret_1", "GUICHET_AGI_TOKEN": "agi-token_22", "GUICHET_SIP_SECRET": "sip-secret3"}


def test_the_environment_wins_and_nothing_is_written(tmp_path: Path) -> None:
    secrets = load_secrets(tmp_path / "data", GIVEN)
    assert (secrets.ami_secret, secrets.agi_token, secrets.sip_secret) == tuple(GIVEN.values())
    assert not (tmp_path / "data").exists()


def test_a_file_of_docker_or_systemd_wins_over_the_generated_one(tmp_path: Path) -> None:
    load_secrets(tmp_path, {})
    file = tmp_path / "credential"
    file.write_text("from-a-file\n")
    environment = {"GUICHET_AMI_SECRET_FILE": str(file)}
    assert load_secrets(tmp_path, environment).ami_secret == "from-a-file"
    assert load_secrets(tmp_path, environment | GIVEN).ami_secret == "ami-secret_1"


def test_generated_ones_are_made_once_for_the_owner_alone(tmp_path: Path) -> None:
    data_dir = tmp_path / "new" / "data"
    first = load_secrets(data_dir, {})
    values = {first.ami_secret, first.agi_token, first.sip_secret}
    assert len(values) == 3
    assert all(len(value) == 32 and value.isalnum() for value in values)
    assert load_secrets(data_dir, {}).ami_secret == first.ami_secret
    folder = data_dir / "secrets"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}
    assert modes == {"ami_secret": 0o600, "agi_token": 0o600, "sip_secret": 0o600}
    assert load_secrets(tmp_path / "elsewhere", {}).ami_secret != first.ami_secret


UNFIT = ["short", "with space", "line\nbreak", "semi;colon", "secret=[x]", "sécret-é", "--------", "________", "x" * 7]


@pytest.mark.parametrize("value", UNFIT)
@pytest.mark.parametrize("given_by", ["variable", "variable's file", "data directory"])
def test_unfit_ones_are_refused_with_their_place_and_without_their_value(
    tmp_path: Path, value: str, given_by: str
) -> None:
    environment: dict[str, str] = {}
    file = tmp_path / "secrets" / "ami_secret"
    file.parent.mkdir()
    if given_by == "variable":
        environment, place = {"GUICHET_AMI_SECRET": value}, "GUICHET_AMI_SECRET"
    else:
        file.write_text(value, "utf-8")
        place = str(file)
    if given_by == "variable's file":
        environment, place = {"GUICHET_AMI_SECRET_FILE": str(file)}, f"GUICHET_AMI_SECRET_FILE ({file})"
    with pytest.raises(SecretError) as refusal:
        load_secrets(tmp_path, environment)
    assert str(refusal.value) == f"{place}: a secret has at least 8 letters, digits, - or _, and nothing else"
    assert refusal.value.error_id == "secret.unusable"


@pytest.mark.parametrize("given_by", ["variable's file", "data directory"])
def test_a_file_that_is_no_text_is_a_clear_error(tmp_path: Path, given_by: str) -> None:
    file = tmp_path / "secrets" / "ami_secret"
    file.parent.mkdir()
    file.write_bytes(b"\xff\xfe\x00binary")
    environment = {"GUICHET_AMI_SECRET_FILE": str(file)} if given_by == "variable's file" else {}
    with pytest.raises(SecretError, match="cannot be read: not UTF-8"):
        load_secrets(tmp_path, environment)


def test_what_cannot_be_read_or_made_is_named(tmp_path: Path) -> None:
    with pytest.raises(SecretError, match=r"GUICHET_AMI_SECRET_FILE: .*/missing cannot be read: No such file"):
        load_secrets(tmp_path, {"GUICHET_AMI_SECRET_FILE": str(tmp_path / "missing")})
    with pytest.raises(SecretError, match="cannot be read: Is a directory"):
        load_secrets(tmp_path, {"GUICHET_AMI_SECRET_FILE": str(tmp_path)})
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SecretError, match="ami_secret cannot be read or made: "):
        load_secrets(tmp_path / "file", {})
    (tmp_path / "secrets" / "ami_secret").mkdir(parents=True)
    with pytest.raises(SecretError, match="ami_secret"):
        load_secrets(tmp_path, {})


def test_a_secret_file_is_read_without_its_line_end(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("any thing; goes\r\n")
    assert read_secret_file(tmp_path / "password", "database.password_file") == "any thing; goes"


def test_nothing_shows_them() -> None:
    secrets = Secrets("ami-secret", "agi-token", "sip-secret")
    assert "secret" not in f"{secrets} {secrets!r}".replace("Secrets", "").replace("acd.secrets", "")


def test_every_phone_has_a_password_of_its_own_that_stays_the_same() -> None:
    secrets, others = Secrets("a", "b", "sip-secret"), Secrets("a", "b", "another")
    passwords = {extension: secrets.phone_password(extension) for extension in ("1001", "1002", "10011")}
    assert len(set(passwords.values())) == 3
    assert secrets.phone_password("1001") == passwords["1001"] != others.phone_password("1001")
    assert all(len(password) == 20 and password.isalnum() for password in passwords.values())
