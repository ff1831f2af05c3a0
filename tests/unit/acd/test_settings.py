"""Settings: layers, and every fault named with the place where it stands."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pydantic
import pytest

from acd.secrets import SecretError
from acd.settings import Settings, load_settings
from acd.shipped import shipped_config
from ivr.errors import ConfigurationError


def load(tmp_path: Path, text: str = "", environment: Mapping[str, str] | None = None) -> Settings:
    file = tmp_path / "site.yaml"
    file.write_text(text, "utf-8")
    return load_settings(file, environment=environment or {})


def faults(tmp_path: Path, text: str = "", environment: Mapping[str, str] | None = None) -> list[str]:
    with pytest.raises(ConfigurationError) as refusal:
        load(tmp_path, text, environment)
    return [str(problem).removeprefix(f"{tmp_path}/") for problem in refusal.value.problems]


# layers


def test_the_defaults_alone_are_a_whole_configuration() -> None:
    settings = load_settings(environment={})
    assert (settings.http.host, settings.http.port) == ("127.0.0.1", 8080)
    assert settings.asterisk.fastagi.host == settings.asterisk.ami.host == "127.0.0.1"  # AGI has no authentication
    assert settings.asterisk.agent_phones.extensions[0::49] == ("1001", "1050")
    assert settings.queues["support"].offer_time_seconds == timedelta(seconds=15)
    assert settings.numbers["100"].flow == "hotline"


def test_later_layers_win_and_leave_the_rest_of_a_section(tmp_path: Path) -> None:
    text = "http: {port: 8081, session_time_seconds: 60}\nservice: {node: site}\n"
    environment = {"GUICHET_HTTP__PORT": "8082", "GUICHET_SERVICE__NODE": "env"}
    settings = load(tmp_path, text, environment)
    assert (settings.http.port, settings.http.session_time_seconds) == (8082, timedelta(seconds=60))
    assert (settings.http.host, settings.service.node) == ("127.0.0.1", "env")
    (tmp_path / "other.yaml").write_text(text)
    overridden = load_settings(
        tmp_path / "other.yaml", environment=environment, overrides={"http": {"port": 8083}, "service": {"node": "cli"}}
    )
    assert (overridden.http.port, overridden.service.node) == (8083, "cli")


def test_queues_are_added_to_and_changed_one_by_one(tmp_path: Path) -> None:
    text = "queues:\n  vip: {label: VIP, skills: {}, offer_time_seconds: 20, wrap_up_time_seconds: 0.5,\n"
    text += "    service_level_seconds: 10, short_abandon_seconds: 0}\n  support: {label: Hilfe}\n"
    queues = load(tmp_path, text).queues
    assert set(queues) == {"access", "support", "orders", "vip"}
    assert (queues["support"].label, dict(queues["support"].skills)) == ("Hilfe", {"support": 1})
    assert queues["vip"].wrap_up_time_seconds == timedelta(seconds=0.5)


def test_lists_are_replaced_whole(tmp_path: Path) -> None:
    settings = load(tmp_path, 'asterisk: {trunks: [{name: carrier, match: ["192.0.2.0/24"]}]}\n')
    assert [trunk.name for trunk in settings.asterisk.trunks] == ["carrier"]


def test_the_site_file_can_be_named_by_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "named.yaml"
    file.write_text("http: {port: 8085}\n")
    assert load_settings(environment={"GUICHET_CONFIG": str(file)}).http.port == 8085
    other = tmp_path / "given.yaml"
    other.write_text("http: {port: 8086}\n")
    assert load_settings(other, environment={"GUICHET_CONFIG": str(file)}).http.port == 8086


@pytest.mark.parametrize(
    ("key", "value", "seen"),
    [
        ("GUICHET_HTTP__SECURE_COOKIES", "true", ("http", "secure_cookies", True)),
        ("GUICHET_HTTP__SESSION_TIME_SECONDS", "1.5", ("http", "session_time_seconds", timedelta(seconds=1.5))),
        ("GUICHET_DATABASE__URL", "sqlite:///x.db", ("database", "url", "sqlite:///x.db")),
        ("GUICHET_JOURNAL__REDIS_URL", "redis://r/0", ("journal", "redis_url", "redis://r/0")),
        ("GUICHET_SERVICE__DATA_DIR", "/srv/g", ("service", "data_dir", Path("/srv/g"))),
    ],
)
def test_the_environment_speaks_in_text(key: str, value: str, seen: tuple[str, str, object]) -> None:
    section, name, expected = seen
    assert getattr(getattr(load_settings(environment={key: value}), section), name) == expected


def test_other_variables_are_not_settings() -> None:
    environment = {"GUICHET_AMI_SECRET": "x", "OTHER__PORT": "x", "guichet_http__port": "1", "GUICHET": "x"}
    assert load_settings(environment=environment) == load_settings(environment={})


# faults, with their places


def test_every_fault_of_a_file_is_told_with_line_and_column(tmp_path: Path) -> None:
    text = "http:\n  prot: 8081\n  port: 99999\nqueues:\n  support:\n    offer_time_seconds: soon\nasterik: {}\n"
    found = faults(tmp_path, text)
    assert [fault.split(": ")[0] for fault in found] == [
        *("site.yaml:2:3", "site.yaml:3:9", "site.yaml:6:25", "site.yaml:7:1"),
    ]
    assert "unknown key `prot`; did you mean `port`?" in found[0]
    assert "unknown key `asterik`; did you mean `asterisk`?" in found[3]


@pytest.mark.parametrize(
    ("text", "place", "part"),
    [
        ("http: [1]\n", "site.yaml:1:7", "must be a mapping"),
        ("http: {port: 0}\n", "site.yaml:1:14", "greater than or equal to 1"),
        ("service: {node: Node One}\n", "site.yaml:1:17", "`node`"),
        ("service: {language: de}\n", "site.yaml:1:21", "must be one of fr, en"),
        ("service: {region: fr}\n", "site.yaml:1:19", "`region`"),
        ("http: {session_time_seconds: true}\n", "site.yaml:1:30", "a number of seconds is expected"),
        ("http: {session_time_seconds: -1}\n", "site.yaml:1:30", "`session_time_seconds`"),
        ("http: {session_time_seconds: .inf}\n", "site.yaml:1:30", "finite"),
        ("http: {session_time_seconds: .nan}\n", "site.yaml:1:30", "finite"),
        ("http: {session_time_seconds: 1.0e+300}\n", "site.yaml:1:30", "`session_time_seconds`"),
        ("http: {session_time_seconds: [1]}\n", "site.yaml:1:30", "`session_time_seconds`"),
        ('numbers: {"+33x": {flow: hotline}}\n', "site.yaml:1:11", "`+33x`"),
        ("queues: {Support: {}}\n", "site.yaml:1:10", "`Support`"),
        ("queues: {support: {priority: 10}}\n", "site.yaml:1:30", "`priority`"),
        ("queues: {support: {skills: {support: 101}}}\n", "site.yaml:1:38", "`support`"),
        ("queues: {new: {label: New}}\n", "site.yaml:1:15", "`offer_time_seconds` is missing"),
        ('asterisk: {agent_phones: {first_extension: "2000", last_extension: "1999"}}\n', "site.yaml:1:26", "follow"),
        ('asterisk: {agent_phones: {first_extension: "10", last_extension: "999"}}\n', "site.yaml:1:26", "digits"),
        ("database: {password_file: /run/p}\n", "site.yaml:1:11", "password_file goes with a url"),
        ("http: {port: 1}\nhttp: {port: 2}\n", "site.yaml:2:1", "http"),
        ("http: {port: 1\n", "site.yaml:2:1", ""),
        ("- a list\n", "site.yaml:1:1", "mapping"),
    ],
)
def test_a_bad_value_is_told_where_it_stands(tmp_path: Path, text: str, place: str, part: str) -> None:
    fault = faults(tmp_path, text)[0]
    assert fault.startswith(f"{place}: "), fault
    assert part in fault


@pytest.mark.parametrize(
    ("environment", "path", "part"),
    [
        ({"GUICHET_HTTP__PORT": "eighty"}, "http.port", "`port`"),
        ({"GUICHET_HTTP__PROT": "1"}, "http", "unknown key `prot`; did you mean `port`?"),
        ({"GUICHET_HTTP__SESSION_TIME_SECONDS": "inf"}, "http.session_time_seconds", "`session_time_seconds`"),
        ({"GUICHET_HTTP__SESSION_TIME_SECONDS": "soon"}, "http.session_time_seconds", "`session_time_seconds`"),
        ({"GUICHET_HTTP__SESSION_TIME_SECONDS": ""}, "http.session_time_seconds", "`session_time_seconds`"),
        ({"GUICHET_HTTPD__PORT": "1"}, "httpd", "unknown key `httpd`"),
        ({"GUICHET_HTTP__": "1"}, "http", "unknown key"),
        ({"GUICHET_HTTP__PORT": "1", "GUICHET_HTTP__PORT__X": "2"}, "", "beside a part of itself"),
    ],
)
def test_a_bad_variable_is_told_as_one(tmp_path: Path, environment: Mapping[str, str], path: str, part: str) -> None:
    """`path`: how far into the settings the name of the variable leads."""
    fault = faults(tmp_path, "", environment)[0]
    assert fault.startswith("environment"), fault
    assert path in fault
    assert part in fault


def test_no_message_repeats_a_value_that_may_be_a_secret(tmp_path: Path) -> None:
    found = faults(tmp_path, "database: {url: {password: hunter22}}\n", {"GUICHET_DATABASE__PASWORD": "hunter23"})
    assert found
    assert "hunter" not in "".join(found)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"missing\.yaml: cannot be read: .*No such file"):
        load_settings(tmp_path / "missing.yaml", environment={})
    (tmp_path / "latin.yaml").write_bytes(b"service: {node: \xe9}\n")
    with pytest.raises(ConfigurationError, match=r"latin\.yaml: cannot be read"):
        load_settings(tmp_path / "latin.yaml", environment={})
    with pytest.raises(ConfigurationError, match=r"cannot be read: .*directory"):
        load_settings(tmp_path, environment={})


def test_settings_do_not_change() -> None:
    settings = load_settings(environment={})
    with pytest.raises(pydantic.ValidationError, match="frozen"):
        setattr(settings.http, "port", 1)  # noqa: B010  # mypy knows it too


# what is worked out from them


def test_the_database_is_a_file_of_the_data_directory_unless_named(tmp_path: Path) -> None:
    settings = load(tmp_path, f"service: {{data_dir: {tmp_path / 'data'}}}\n")
    assert settings.database_url == f"sqlite:///{tmp_path / 'data' / 'guichet.db'}"
    assert load(tmp_path, "database: {url: postgresql://g@db/g}\n").database_url == "postgresql://g@db/g"


@pytest.mark.parametrize("url", ["postgresql://guichet@db:5432/guichet", "postgresql://guichet:old@db:5432/guichet"])
def test_the_password_comes_from_a_file_and_stands_in_the_url_alone(tmp_path: Path, url: str) -> None:
    password = tmp_path / "password"
    password.write_text("p@ss/w:rd %\n")
    settings = load(tmp_path, f"database: {{url: {url}, password_file: {password}}}\n")
    assert settings.database_url == "postgresql://guichet:p%40ss%2Fw%3Ard%20%25@db:5432/guichet"
    assert "w:rd" not in repr(settings)
    password.unlink()
    with pytest.raises(SecretError, match=r"database\.password_file: .* cannot be read: No such file"):
        _ = settings.database_url


def test_folders_follow_the_users_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    settings = load_settings(environment={})
    assert settings.data_dir == tmp_path / "data" / "guichet"
    assert settings.cache_dir == tmp_path / "cache" / "guichet"
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load(tmp_path, "service: {data_dir: ~/g}\n").data_dir == tmp_path / "g"


def test_the_flow_files_are_the_shipped_ones_and_the_sites(tmp_path: Path) -> None:
    files = load(tmp_path, f"flows: [{tmp_path / 'night.yaml'}]\n").flow_files
    assert files[-1] == tmp_path / "night.yaml"
    assert shipped_config() / "ivr" / "hotline.yaml" in files
