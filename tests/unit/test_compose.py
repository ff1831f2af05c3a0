"""`docker-compose.yml` against the settings: no Docker here, so what can be wrong without one is checked by reading.

Every variable must be a real setting, every address, port, secret and folder must be the same on both sides.
"""

from __future__ import annotations

import ipaddress
import os
import re
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from ruamel.yaml import YAML

from acd.adapters.asterisk.modules import all_modules
from acd.adapters.asterisk.render import layout_elsewhere, render
from acd.secrets import SecretError, load_secrets
from acd.settings import Settings, load_settings
from ivr.source import ConfigurationError

ROOT = Path(__file__).parents[2]
ONE_SHOT = {"secrets", "config"}
SECRET_VARIABLES = {"GUICHET_AMI_SECRET_FILE", "GUICHET_AGI_TOKEN_FILE", "GUICHET_SIP_SECRET_FILE"}
MAKE_SECRETS = ROOT / "docker/guichet/make-secrets"


def interpolated(node: Any, environment: dict[str, str]) -> Any:
    """As `docker compose` does it: `${NAME:-default}`; any other form is an error here."""
    if isinstance(node, dict):
        return {key: interpolated(value, environment) for key, value in node.items()}
    if isinstance(node, list):
        return [interpolated(value, environment) for value in node]
    if not isinstance(node, str):
        return node
    text = re.sub(r"\$\{(\w+):-([^}]*)\}", lambda found: environment.get(found[1]) or found[2], node)
    assert "$" not in text, text
    return text


def read_compose(**environment: str) -> Any:
    loader = YAML(typ="safe", pure=True)
    return interpolated(loader.load((ROOT / "docker-compose.yml").read_text("utf-8")), environment)


@pytest.fixture
def compose() -> Any:
    return read_compose()


@pytest.fixture
def services(compose: Any) -> Any:
    return compose["services"]


@pytest.fixture
def settings(services: Any) -> Settings:
    return settings_of(services["guichet"])


def environment_of(service: Any, **site: str) -> dict[str, str]:
    """What the container gets: a variable without a value comes from the site's environment, or not at all."""
    written = {key: site.get(key) if value is None else value for key, value in service["environment"].items()}
    given = {key: value for key, value in written.items() if value is not None}
    assert all(isinstance(value, str) for value in given.values()), "YAML numbers: quote them"
    return given


def settings_of(service: Any, **site: str) -> Settings:
    # A stand-in for what no site sets: it proves that the variable is a setting.
    site = {"GUICHET_ASTERISK__SIP__EXTERNAL_ADDRESS": "192.0.2.10"} | site
    return load_settings(environment=environment_of(service, **site))


def named_volumes(service: Any) -> dict[str, tuple[str, bool]]:
    """Volume or folder -> (where in the container, may it be written)."""
    found = {}
    for line in service.get("volumes", []):
        source, target, *mode = line.split(":")
        found[source] = (target, mode != ["ro"])
    return found


def test_what_runs(services: Any) -> None:
    assert set(services) == {"secrets", "config", "asterisk", "postgres", "redis", "guichet"}


def test_every_variable_is_a_setting_or_a_secret(services: Any) -> None:
    for name in ("config", "guichet"):
        settings_of(services[name])  # unknown names are refused, see the next test
        rest = {key for key in services[name]["environment"] if "__" not in key}
        assert rest == SECRET_VARIABLES | {"GUICHET_CONFIG", "XDG_CACHE_HOME"}


def test_a_misspelt_variable_is_refused(services: Any) -> None:
    for variable, word in (
        ("GUICHET_HTTP__PROT", "prot"),
        ("GUICHET_DATABSE__URL", "databse"),
        ("GUICHET_ASTERISK__AMI__HOTS", "hots"),
    ):
        with pytest.raises(ConfigurationError, match=f"unknown key .*{word}"):
            load_settings(environment={**environment_of(services["guichet"]), variable: "1"})


def test_asterisk_is_configured_from_the_settings_the_service_runs_with(services: Any) -> None:
    assert services["config"]["environment"] == services["guichet"]["environment"]
    assert services["config"]["command"][:3] == ["asterisk", "config", "--into"]


def test_ports_are_published_as_set(services: Any, settings: Settings) -> None:
    sip = settings.asterisk.sip
    rtp = f"{sip.rtp_first_port}-{sip.rtp_last_port}"
    assert services["asterisk"]["ports"] == [f"{sip.port}:{sip.port}/udp", f"{rtp}:{rtp}/udp"]
    assert services["guichet"]["ports"] == [f"127.0.0.1:8080:{settings.http.port}"]
    assert settings.http.host == "0.0.0.0"  # noqa: S104  (inside the container)


def test_ports_are_the_well_known_ones(settings: Settings) -> None:
    shipped = load_settings(environment={})
    assert settings.http.port == shipped.http.port
    assert settings.asterisk.sip.port == shipped.asterisk.sip.port
    assert settings.asterisk.ami.port == shipped.asterisk.ami.port
    assert settings.asterisk.fastagi.port == shipped.asterisk.fastagi.port
    assert settings.asterisk.ami.username == shipped.asterisk.ami.username


def test_ami_fastagi_database_and_redis_stay_on_the_private_network(
    compose: Any, services: Any, settings: Settings
) -> None:
    assert compose["networks"]["control"]["internal"] is True
    (subnet,) = compose["networks"]["control"]["ipam"]["config"]
    network = ipaddress.ip_network(subnet["subnet"])
    assert network.is_private
    addresses = {name: services[name]["networks"]["control"]["ipv4_address"] for name in ("asterisk", "guichet")}
    assert settings.asterisk.ami.host == addresses["asterisk"]
    assert settings.asterisk.fastagi.host == addresses["guichet"]
    assert settings.asterisk.fastagi.advertised_host in {None, addresses["guichet"]}
    assert len(set(addresses.values())) == 2
    # Docker keeps the first address of a network for itself.
    assert all(ipaddress.ip_address(address) in list(network.hosts())[1:] for address in addresses.values())
    for name in ("postgres", "redis"):
        assert services[name]["networks"] == ["control"]
        assert "ports" not in services[name]
    for name in ("asterisk", "guichet"):
        published = " ".join(services[name]["ports"])
        for port in (settings.asterisk.ami.port, settings.asterisk.fastagi.port):
            assert str(port) not in published


def test_the_address_in_front_of_the_containers_is_the_sites(services: Any) -> None:
    assert load_settings(environment=environment_of(services["guichet"])).asterisk.sip.external_address is None
    site = {"GUICHET_ASTERISK__SIP__EXTERNAL_ADDRESS": "198.51.100.7"}
    assert settings_of(services["guichet"], **site).asterisk.sip.external_address == "198.51.100.7"


@pytest.mark.parametrize(
    ("external", "local"),
    [
        (
            "192.168.1.7",
            ["10.0.0.0/8", "172.16.0.0/12", "127.0.0.0/8"],
        ),  # phones in the office, Asterisk in a container
        ("198.51.100.7", ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8"]),
    ],
)
def test_phones_are_told_the_address_they_can_reach(
    services: Any, tmp_path: Path, external: str, local: list[str]
) -> None:
    settings = settings_of(services["config"], GUICHET_ASTERISK__SIP__EXTERNAL_ADDRESS=external)
    etc = Path(services["config"]["command"][-1])
    files = render(settings, load_secrets(tmp_path, {}), layout_elsewhere(settings, etc), modules=all_modules())
    assert f"external_media_address = {external}" in files["pjsip.conf"]
    assert re.findall(r"^local_net = (\S+)", files["pjsip.conf"], re.MULTILINE) == local
    assert f"astetcdir => {etc}" in files["asterisk.conf"]
    assert f"bindaddr = {settings.asterisk.ami.host}" in files["manager.conf"]
    assert f"permit = {settings.asterisk.fastagi.host}" in files["manager_guichet.conf"]
    assert f"agi://{settings.asterisk.fastagi.host}:{settings.asterisk.fastagi.port}/" in "".join(files.values())


def test_the_database_is_the_one_that_is_made(services: Any, settings: Settings) -> None:
    url = urlsplit(settings.database.url or "")
    postgres = services["postgres"]["environment"]
    assert (url.scheme, url.hostname, url.port) == ("postgresql", "postgres", 5432)
    assert url.username == postgres["POSTGRES_USER"]
    assert url.path == f"/{postgres['POSTGRES_DB']}"
    assert url.password is None
    assert str(settings.database.password_file) == postgres["POSTGRES_PASSWORD_FILE"]


def test_the_journal_is_on_the_redis_that_runs(settings: Settings) -> None:
    assert settings.journal.redis_url == "redis://redis:6379/0"


def test_no_secret_stands_in_the_file(services: Any) -> None:
    for name, service in services.items():
        for key in service.get("environment", {}):
            if any(word in key for word in ("SECRET", "TOKEN", "PASSWORD")):
                assert key.endswith("_FILE"), f"{name}: {key}"
    assert not re.search(r"://[^/\s@]*:[^/\s@]+@", (ROOT / "docker-compose.yml").read_text("utf-8"))


def test_each_secret_file_is_made_and_fit(tmp_path: Path, services: Any) -> None:
    folder = services["secrets"]["entrypoint"][1]
    environment = environment_of(services["guichet"]) | environment_of(services["postgres"])
    files = {key: value for key, value in environment.items() if key.endswith("_FILE")}
    for _ in range(2):  # the second run keeps what is there
        before = {path.name: path.read_text("utf-8") for path in tmp_path.iterdir()}
        subprocess.run([MAKE_SECRETS, tmp_path], check=True)
        made = {path.name: path.read_text("utf-8") for path in tmp_path.iterdir()}
        assert before in ({}, made)
    assert {f"{folder}/{name}" for name in made} == set(files.values())
    assert len(set(made.values())) == len(made)
    here = {key: value.replace(folder, str(tmp_path)) for key, value in files.items()}
    secrets = load_secrets(tmp_path / "unused", here)
    assert secrets.ami_secret == made["ami_secret"]
    assert secrets.agi_token == made["agi_token"]
    assert secrets.sip_secret == made["sip_secret"]
    assert not (tmp_path / "unused").exists()
    assert {name: (tmp_path / name).stat().st_mode & 0o777 for name in made} == {
        name: 0o444 if name == "postgres_password" else 0o600 for name in made
    }


def test_the_password_file_completes_the_url(tmp_path: Path) -> None:
    file = tmp_path / "password"
    settings = load_settings(
        environment={
            "GUICHET_DATABASE__URL": "postgresql://guichet@postgres:5432/guichet",
            "GUICHET_DATABASE__PASSWORD_FILE": str(file),
        }
    )
    with pytest.raises(SecretError, match=r"database\.password_file"):
        _ = settings.database_url
    file.write_text("p@ss:w/rd\n", "utf-8")
    assert settings.database_url == "postgresql://guichet:p%40ss%3Aw%2Frd@postgres:5432/guichet"
    with pytest.raises(ConfigurationError, match="names a user"):
        load_settings(environment={"GUICHET_DATABASE__PASSWORD_FILE": str(file)})


def test_folders_are_shared_by_the_same_path(
    compose: Any, services: Any, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    guichet, asterisk, config = (named_volumes(services[name]) for name in ("guichet", "asterisk", "config"))
    assert guichet["data"] == (str(settings.data_dir), True)
    assert asterisk["data"] == (str(settings.data_dir), False)
    # Prompts are made in the cache and named to Asterisk by their path here.
    monkeypatch.setenv("XDG_CACHE_HOME", services["guichet"]["environment"]["XDG_CACHE_HOME"])
    assert settings.data_dir in settings.cache_dir.parents
    rendered = services["config"]["command"][-1]
    assert config["asterisk-config"] == (rendered, True)
    assert asterisk["asterisk-config"] == (rendered, False)
    command = (ROOT / "docker/asterisk/Dockerfile").read_text("utf-8").splitlines()[-1]
    assert f"{rendered}/asterisk.conf" in command
    assert f"{rendered}/asterisk.conf" in services["asterisk"]["healthcheck"]["test"]
    for name in ("guichet", "config", "postgres"):
        assert named_volumes(services[name])["secrets"] == (services["secrets"]["entrypoint"][1], False)
    used = {source for service in services.values() for source in named_volumes(service) if "/" not in source}
    assert used == set(compose["volumes"])


def test_a_site_file_is_seen_where_its_variable_says() -> None:
    services = read_compose(GUICHET_SITE="./site", GUICHET_CONFIG="/etc/guichet/site/site.yaml")["services"]
    for name in ("config", "guichet"):
        assert named_volumes(services[name])["./site"] == ("/etc/guichet/site", False)
        assert services[name]["environment"]["GUICHET_CONFIG"].startswith("/etc/guichet/site/")


def test_each_service_waits_for_what_it_needs(services: Any) -> None:
    for name, service in services.items():
        assert ("healthcheck" in service) == (name not in ONE_SHOT)
        for other, wait in service.get("depends_on", {}).items():
            expected = "service_completed_successfully" if other in ONE_SHOT else "service_healthy"
            assert wait["condition"] == expected, f"{name} on {other}"
    assert set(services["guichet"]["depends_on"]) == {"config", "asterisk", "postgres", "redis"}
    assert "config" in services["asterisk"]["depends_on"]
    assert "secrets" in services["config"]["depends_on"]
    assert "secrets" in services["postgres"]["depends_on"]


def test_health_is_asked_of_the_port_that_is_set(services: Any, settings: Settings) -> None:
    (question,) = (word for word in services["guichet"]["healthcheck"]["test"] if "http" in word)
    assert f"http://127.0.0.1:{settings.http.port}/healthz" in question


def test_images_are_built_from_what_is_here(services: Any) -> None:
    for name in ("secrets", "config", "guichet", "asterisk"):
        build = services[name]["build"]
        context = ROOT / build["context"]
        dockerfile = context / build.get("dockerfile", "Dockerfile")
        lines = dockerfile.read_text("utf-8").replace("\\\n", " ").splitlines()
        assert "USER 10001:10001" in lines, "not root, and the same number in both images"
        copied = [line.split()[1:-1] for line in lines if line.startswith("COPY") and "--from" not in line]
        sources = [word for words in copied for word in words if not word.startswith("--")]
        for source in sources:
            assert (context / source).exists(), source
            assert f"!{source}" in (ROOT / ".dockerignore").read_text("utf-8").splitlines()


def test_the_image_installs_from_the_lock_on_the_oldest_python() -> None:
    text = (ROOT / "docker/guichet/Dockerfile").read_text("utf-8")
    assert re.findall(r"^FROM (\S+)", text, re.MULTILINE) == ["python:3.11-slim"] * 2
    assert "--require-hashes --requirement requirements.lock" in text
    assert "debian:testing-slim" in (ROOT / "docker/asterisk/Dockerfile").read_text("utf-8")


def test_make_secrets_can_be_run() -> None:
    assert os.access(MAKE_SECRETS, os.X_OK)
    assert MAKE_SECRETS.name in "".join(read_compose()["services"]["secrets"]["entrypoint"])
