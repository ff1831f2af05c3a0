"""Settings and templates -> Asterisk's configuration files: what stands in them, and what never can."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acd.adapters.asterisk import dialplan
from acd.adapters.asterisk.modules import all_modules
from acd.adapters.asterisk.render import Folders, Layout, RenderError, layout_elsewhere, render
from acd.adapters.asterisk.snippets import snippets
from acd.secrets import Secrets
from acd.settings import Settings, TrunkSettings, load_settings

SECRETS = Secrets(ami_secret="ami-secret-1", agi_token="agi-token-22", sip_secret="sip-secret-333")


def settings_with(asterisk: Mapping[str, object] | None = None, **sections: object) -> Settings:
    return load_settings(environment={}, overrides={"asterisk": dict(asterisk or {}), **sections})


def own_layout(home: str = "/srv/guichet") -> Layout:
    root = Path(home)
    folders = Folders(
        root / "etc", root / "lib", root / "share", root / "spool", root / "run", root / "log", Path("/modules")
    )
    return Layout(folders, Path("/music"), "127.0.0.1", "127.0.0.1")


def rendered(asterisk: Mapping[str, object] | None = None, **options: str) -> dict[str, str]:
    return render(settings_with(asterisk), SECRETS, own_layout(), modules=("app_dial.so",), **options)  # type: ignore[arg-type]


def sections(text: str) -> list[tuple[str, dict[str, list[str]]]]:
    """(section name with its template, key -> values) in order, as Asterisk reads a file."""
    found: list[tuple[str, dict[str, list[str]]]] = []
    for raw in text.splitlines():
        line = raw.split(";", 1)[0].strip()
        if match := re.match(r"^\[([^\]]+)\](.*)$", line):
            found.append((match[1] + match[2], {}))
        elif "=" in line and found:
            key, _equals, value = line.partition("=")
            found[-1][1].setdefault(key.strip(), []).append(value.lstrip(">").strip())
    return found


def test_every_agent_phone_has_its_own_name_password_and_one_place() -> None:
    text = rendered({"agent_phones": {"first_extension": "1001", "last_extension": "1003"}})["pjsip_agents.conf"]
    found = sections(text)
    for extension in ("1001", "1002", "1003"):
        name = dialplan.phone_endpoint(extension)
        auth = next(body for title, body in found if title == f"{name}(guichet-agent-auth)")
        assert auth["password"] == [SECRETS.phone_password(extension)]
        assert auth["username"] == [name]
    assert len([title for title, _body in found if title.endswith("(guichet-agent)")]) == 3
    aor = next(body for title, body in found if title == "guichet-agent-aor(!)")
    assert (aor["max_contacts"], aor["remove_existing"]) == (["1"], ["yes"])


def test_a_trunk_is_known_by_its_address_only_and_may_not_transfer() -> None:
    trunk = {"name": "carrier", "match": ["192.0.2.0/24", "198.51.100.7"], "contact": "sip:carrier.example:5060"}
    files = rendered({"trunks": [trunk]})
    by_type = {body["type"][0]: body for _title, body in sections(files["pjsip_trunks.conf"])}
    assert by_type["identify"]["match"] == ["192.0.2.0/24", "198.51.100.7"]
    assert by_type["endpoint"]["identify_by"] == ["ip"]
    assert by_type["endpoint"]["context"] == ["guichet-trunk"]
    assert by_type["endpoint"]["allow_transfer"] == ["no"]
    assert by_type["aor"]["contact"] == ["sip:carrier.example:5060"]
    order = next(body for title, body in sections(files["pjsip.conf"]) if title == "global")
    assert order["endpoint_identifier_order"] == ["ip,username"]


def test_the_agi_call_carries_every_agreed_argument_in_order() -> None:
    text = rendered({"fastagi": {"host": "127.0.0.1", "port": 4999}})["extensions_guichet.conf"]
    match = re.search(r"AGI\(agi://127\.0\.0\.1:4999/call,(.*)\)$", text, re.MULTILINE)
    assert match is not None
    expected = [SECRETS.agi_token if e == "@token@" else e for _name, e in dialplan.AGI_ARGUMENTS]
    assert match[1].split(",") == expected


@pytest.mark.parametrize(
    ("host", "advertised", "expected"),
    [
        ("127.0.0.1", None, "agi://127.0.0.1:4573/call"),
        ("0.0.0.0", None, "agi://127.0.0.1:4573/call"),  # noqa: S104
        ("0.0.0.0", "guichet.internal", "agi://guichet.internal:4573/call"),  # noqa: S104
        ("::1", None, "agi://[::1]:4573/call"),
    ],
)
def test_where_the_dialplan_finds_the_service(host: str, advertised: str | None, expected: str) -> None:
    fastagi = {"host": host, "port": 4573, "advertised_host": advertised}
    assert f"AGI({expected}," in rendered({"fastagi": fastagi})["extensions_guichet.conf"]


# AMDSTATUS, DIALSTATUS, PLAYBACKSTATUS and QUEUESTATUS are Asterisk's own words.
OWN_VARIABLES = {
    *("GUICHET_DONE", "GUICHET_SEEN", "EPOCH", "GUICHET_LAST_SEEN", "GUICHET_MUSIC", "GUICHET_OVERLOAD", "DIALSTATUS"),
    "AMDSTATUS",
    *("GUICHET_FALLBACK", "ANSWEREDTIME", "GUICHET_STAGE"),
    *("GUICHET_ROOM", "CONFBRIDGE_INFO(parties,${GUICHET_ROOM"),
}
OF_FALLBACK = {
    *("GUICHET_QUEUE", "GUICHET_QUEUED_AT", "GUICHET_QUEUED_AT:0:10", "GUICHET_PRIORITY", "GUICHET_RANK"),
    "QUEUESTATUS:0:8",
}


def variables_in_expressions(text: str) -> set[str]:
    expressions = re.findall(r"\$\[(.*?)\](?=[?)])", text)
    return {name for expression in expressions for name in re.findall(r"\$\{([^}]*)\}", expression)}


def test_only_the_services_own_variables_stand_in_expressions() -> None:
    text = rendered()["extensions_guichet.conf"]
    assert variables_in_expressions(text) == OWN_VARIABLES
    assert text.upper().count("CALLERID") == text.count("FILTER(+0-9,${CALLERID(num)})") == 1


def test_a_callers_number_is_kept_in_fallback_but_never_read_as_an_expression() -> None:
    text = rendered({"fallback": {"without_service_seconds": 20, "queue": "support"}})["extensions_guichet.conf"]
    assert variables_in_expressions(text) == OWN_VARIABLES | OF_FALLBACK
    assert text.upper().count("CALLERID") == text.count("FILTER(+0-9,${CALLERID(num)})") == 2
    assert "Goto(guichet-fallback,s,1)" in text


def test_every_queue_has_a_twin_when_callers_may_be_sent_there() -> None:
    assert "[guichet-" not in rendered()["queues.conf"]
    text = rendered({"fallback": {"without_service_seconds": 20, "queue": "support"}})["queues.conf"]
    assert re.findall(r"^\[(.*)\]$", text, re.MULTILINE) == [
        "general",
        "guichet-support",
        "guichet-orders",
        "guichet-access",
    ]
    assert "persistentmembers = yes" in text
    assert text.count("timeout = 15") == text.count("wrapuptime = 30") == 3


def test_every_number_of_the_hotline_enters_and_others_are_turned_away() -> None:
    numbers = {"+33123456789": {"flow": "hotline"}, "42": {"flow": "hotline"}}
    files = render(settings_with(numbers=numbers), SECRETS, own_layout(), modules=())
    text = files["extensions_guichet.conf"]
    assert "exten => +33123456789,1,Set(GUICHET_DID=+33123456789)" in text
    assert "exten => 42,1,Set(GUICHET_DID=42)" in text
    trunk = text[text.index("[guichet-trunk]") : text.index("[guichet-agents]")]
    assert re.findall(r"include => (\S+)", trunk) == ["guichet-numbers", "guichet-local", "guichet-unknown"]


def test_fallback_is_an_apology_or_the_configured_extension() -> None:
    plain = rendered()["extensions_guichet.conf"]
    assert "Playback(sorry&please-try-call-later)" in plain
    own = rendered(apology="/srv/guichet/prompts/apology")["extensions_guichet.conf"]
    assert "Playback(/srv/guichet/prompts/apology)" in own
    fallback = {"without_service_seconds": 45, "extension": "plain-queue,s,1"}
    elsewhere = rendered({"fallback": fallback})["extensions_guichet.conf"]
    assert "(alone),StopMusicOnHold()\n same => n,Goto(plain-queue,s,1)" in elsewhere
    assert "${GUICHET_LAST_SEEN} >= 45" in elsewhere
    assert "apology" not in elsewhere


def test_the_manager_has_the_rights_an_acd_needs_and_answers_loopback_only() -> None:
    found = dict(sections(rendered()["manager_guichet.conf"]))["guichet"]
    assert found["secret"] == [SECRETS.ami_secret]
    assert set(found["write"][0].split(",")) >= {"call", "originate", "agi", "agent", "reporting", "user", "system"}
    assert set(found["read"][0].split(",")) >= {"call", "agent", "agi", "dtmf", "user", "system"}
    assert "command" not in found["write"][0]  # a stolen AMI secret is no shell
    assert found["permit"] == ["127.0.0.0/8", "::1/128"]
    assert int(found["writetimeout"][0]) >= 5000


def test_nothing_is_left_unrendered_and_every_include_has_its_file() -> None:
    files = rendered()
    for name, text in files.items():
        assert "{{" not in text, name
        assert "{%" not in text, name
        for included in re.findall(r"^#include (\S+)", text, re.MULTILINE):
            assert included in files


def test_extra_files_add_and_replace_but_cannot_leave_the_folder() -> None:
    extra = {"queues.conf": "[general]\nautofill = yes\n", "extensions_local.conf": "[guichet-local](+)\n"}
    files = render(settings_with(), SECRETS, own_layout(), modules=(), extra_files=extra)
    assert files["queues.conf"] == extra["queues.conf"]
    assert files["extensions_local.conf"] == extra["extensions_local.conf"]
    with pytest.raises(RenderError, match="no name of a configuration file"):
        render(settings_with(), SECRETS, own_layout(), modules=(), extra_files={"../passwd.conf": ""})


@pytest.mark.parametrize(
    ("asterisk", "told"),
    [
        ({"sip": {"host": "sip.example"}}, "asterisk.sip.host"),
        ({"sip": {"rtp_first_port": 20000, "rtp_last_port": 19999}}, "RTP ports 20000 to 19999"),
        ({"sip": {"rtp_first_port": 500, "rtp_last_port": 600}}, "1024"),
        ({"sip": {"port": 12000}}, "asterisk.sip.port: 12000 is inside"),
        ({"sip": {"external_address": "1.2.3.4\nallow=all"}}, "asterisk.sip.external_address"),
        ({"fastagi": {"host": "127.0.0.1/x,y"}}, "asterisk.fastagi.host"),
        ({"trunks": [{"name": "agent-1001", "match": []}]}, "trunks[0].name"),
        ({"trunks": [{"name": "system", "match": []}]}, "trunks[0].name"),
        ({"trunks": [{"name": "a", "match": []}, {"name": "a", "match": []}]}, "trunks[0].name"),
        ({"trunks": [{"name": "a", "match": ["carrier.example"]}]}, "trunks[0].match"),
        ({"trunks": [{"name": "a", "match": ["0.0.0.0/0"]}]}, "every stranger"),
        ({"trunks": [{"name": "a", "match": [], "contact": "sip:x;transport=tcp"}]}, "trunks[0].contact"),
        ({"trunks": [{"name": "a", "match": [], "contact": "sip:x\n[evil]"}]}, "trunks[0].contact"),
        ({"fallback": {"extension": "context,s,1)\n same => n,System(id"}}, "asterisk.fallback.extension"),
    ],
)
def test_a_setting_asterisk_could_not_use_is_named(asterisk: dict[str, object], told: str) -> None:
    with pytest.raises(RenderError, match=re.escape(told)):
        rendered(asterisk)


@given(st.text(min_size=1, max_size=40) | st.from_regex(r"\Asip:[a-z.]+[;\[#\n ,].*\Z"))
def test_no_trunk_match_or_contact_breaks_out_of_its_line(hostile: str) -> None:
    base = settings_with({"agent_phones": {"first_extension": "11", "last_extension": "11"}})
    harmless = TrunkSettings(name="a", match=("192.0.2.1",), contact="sip:carrier.example")
    shape = _shape_with(base, harmless)
    for change in ({"match": (hostile,)}, {"contact": hostile}):
        try:
            found = _shape_with(base, harmless.model_copy(update=change))
        except RenderError:
            continue
        assert found == shape


def _shape_with(base: Settings, trunk: TrunkSettings) -> list[tuple[str, list[str]]]:
    """Sections and their keys of the trunks' file: what a value must never change."""
    asterisk = base.asterisk.model_copy(update={"trunks": (trunk,)})
    files = render(base.model_copy(update={"asterisk": asterisk}), SECRETS, own_layout(), modules=())
    return [(title, sorted(body)) for title, body in sections(files["pjsip_trunks.conf"])]


@pytest.mark.parametrize("path", ["/srv/a;b", "/srv/a\nb", "/srv/${X}", "/srv/[x]", "/srv/`id`", '/srv/"x"'])
def test_a_folder_whose_name_means_something_to_asterisk_is_refused(path: str) -> None:
    with pytest.raises(RenderError, match="character with a meaning"):
        render(settings_with(), SECRETS, own_layout(path), modules=())


@pytest.mark.parametrize("apology", ["/srv/x,noanswer", "/srv/x&y", "/srv/x)", "/srv/${X}"])
def test_an_apology_cannot_bring_arguments_along(apology: str) -> None:
    with pytest.raises(RenderError, match="apology"):
        rendered(apology=apology)


def test_an_asterisk_elsewhere_keeps_its_own_folders_and_answers_guichet_alone() -> None:
    settings = settings_with(
        {
            "ami": {"host": "10.9.9.10"},
            "fastagi": {"host": "10.9.9.20"},
            "sip": {"host": "0.0.0.0", "external_address": "203.0.113.5"},  # noqa: S104
        }
    )
    layout = layout_elsewhere(settings, Path("/etc/guichet/asterisk"))
    files = render(settings, SECRETS, layout, modules=all_modules())
    directories = dict(sections(files["asterisk.conf"]))["directories"]
    assert directories == {"astetcdir": ["/etc/guichet/asterisk"]}
    assert dict(sections(files["manager.conf"]))["general"]["bindaddr"] == ["10.9.9.10"]
    assert dict(sections(files["manager_guichet.conf"]))["guichet"]["permit"][0] == "10.9.9.20"
    transport = dict(sections(files["pjsip.conf"]))["guichet-transport"]
    assert transport["bind"] == ["0.0.0.0:5060"]
    assert transport["external_media_address"] == ["203.0.113.5"]
    assert "10.0.0.0/8" in transport["local_net"]


def test_snippets_for_an_existing_pbx_hold_what_it_lacks_and_nothing_of_ours_alone() -> None:
    settings = settings_with({"ami": {"port": 5099}})
    files = render(settings, SECRETS, layout_elsewhere(settings), modules=all_modules())
    text = snippets(files, settings)
    for name in ("manager.conf", "extensions.conf", "pjsip.conf"):
        assert f"===== {name} " in text
    assert "port = 5099" in text
    assert SECRETS.ami_secret in text
    assert "[guichet-enter]" in text
    assert "[agent-1001](guichet-agent)" in text
    assert "[guichet-transport]" not in text
    assert "disabledevents" not in text
    for line in text.splitlines():  # what is pasted is configuration or comment, nothing else
        assert re.match(r"^(;.*|\[[\w-]+\](\([!\w-]+\))?| ?(exten|same|include) => .*|\w+ = .*|)$", line), line
