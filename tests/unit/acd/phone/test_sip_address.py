"""URIs, name-addr, Via and lists."""

from __future__ import annotations

import pytest

from acd.phone.errors import InvalidSipValueError, SipParseError
from acd.phone.sip_address import NameAddr, SipUri, Via, check_value, parse_host_port, printable, split_list


@pytest.mark.parametrize(
    ("text", "user", "host", "port"),
    [
        ("sip:alice@example.com", "alice", "example.com", None),
        ("sip:example.com:5061", "", "example.com", 5061),
        ("SIP:+33140302010@127.0.0.1:5070;transport=udp", "+33140302010", "127.0.0.1", 5070),
        ("sip:sips%3Auser%40example.com@example.net", "sips:user@example.com", "example.net", None),
        ("sip:null-%00-null@example.com", "null-\0-null", "example.com", None),
        ("sip:user;par=u%40example.net@example.com", "user;par=u@example.net", "example.com", None),
        ("sip:a:secret@[2001:db8::1]:5060?Subject=x", "a", "[2001:db8::1]", 5060),
        ("tel:+33140302010;phone-context=x", "+33140302010", "", None),
    ],
)
def test_uris_are_read(text: str, user: str, host: str, port: int | None) -> None:
    uri = SipUri.parse(text)
    assert (uri.user, uri.host, uri.port) == (user, host, port)


@pytest.mark.parametrize(
    "text", ["", "alice", "sip:", "sip:a@", "sip:a b@c", "sip:<a@b>", "sip:a@b:0", "sip:a@b:70000", "sip:a@b!c"]
)
def test_bad_uris_are_refused(text: str) -> None:
    with pytest.raises(SipParseError):
        SipUri.parse(text)


def test_a_user_is_escaped_on_the_way_out() -> None:
    uri = SipUri("sip", "a b<>@é\r\n", "h", 5060)
    assert str(uri) == "sip:a%20b%3C%3E%40%C3%A9%0D%0A@h:5060"
    assert SipUri.parse(str(uri)) == uri


@pytest.mark.parametrize(
    ("text", "name", "address", "tag"),
    [
        ("<sip:a@b>;tag=1", "", "sip:a@b", "1"),
        ("sip:a@b;tag=1", "", "sip:a@b", "1"),
        ("A. B. <sip:a@b;lr>;tag=1", "A. B.", "sip:a@b;lr", "1"),
        ('"A \\"B\\" \\\\" <sip:a@b>', 'A "B" \\', "sip:a@b", None),
        ('"<sip:x@y>" <sip:a@b>', "<sip:x@y>", "sip:a@b", None),
        ('"" <sip:a@b>', "", "sip:a@b", None),
        ("<sip:a@b> ; x ; tag = 5", "", "sip:a@b", "5"),
    ],
)
def test_name_addr_is_read(text: str, name: str, address: str, tag: str | None) -> None:
    found = NameAddr.parse(text)
    assert (found.display_name, found.uri, found.tag) == (name, address, tag)


@pytest.mark.parametrize("text", ["", '"a <sip:a@b>', '"a" sip:a@b', "<sip:a@b", "a b@c", "<sip:a@b>;=", "<sip:a@b> x"])
def test_bad_name_addr_is_refused(text: str) -> None:
    with pytest.raises(SipParseError):
        NameAddr.parse(text)


@pytest.mark.parametrize("name", ['Al "the" \\ Pal', "Zoë", "a;b,c<d>", "\t"])
def test_display_names_survive_both_ways(name: str) -> None:
    assert NameAddr.parse(str(NameAddr(name, "sip:a@b"))).display_name == name


@pytest.mark.parametrize("value", ["a\r\nX: y", "a\nb", "\0", "\x7f", "\ud800"])
def test_control_characters_are_refused(value: str) -> None:
    with pytest.raises(InvalidSipValueError):
        check_value(value, "name")
    with pytest.raises(InvalidSipValueError):
        str(NameAddr(value, "sip:a@b"))


def test_lists_are_split_outside_quotes_and_brackets() -> None:
    assert split_list('"a,b" <sip:a,b@c>;x=1, <sip:d@e> ,f') == ['"a,b" <sip:a,b@c>;x=1', "<sip:d@e>", "f"]
    with pytest.raises(SipParseError):
        split_list('a, "b')


def test_via_keeps_its_parameters() -> None:
    via = Via.parse("SIP/2.0/UDP 192.0.2.1:5070;branch=z9hG4bK1;rport")
    assert (via.transport, via.host, via.port, via.branch) == ("UDP", "192.0.2.1", 5070, "z9hG4bK1")
    assert str(via) == "SIP/2.0/UDP 192.0.2.1:5070;branch=z9hG4bK1;rport"


def test_host_and_port() -> None:
    assert parse_host_port("127.0.0.1") == ("127.0.0.1", 5060)
    assert parse_host_port("pbx.example:5070") == ("pbx.example", 5070)
    for bad in ("", "a:b", "a:0", "a:70000", "a b", "a\r\n"):
        with pytest.raises(InvalidSipValueError):
            parse_host_port(bad)


def test_octets_that_are_no_text_do_not_leak_as_surrogates() -> None:
    assert printable(b"a\xffb".decode("utf-8", "surrogateescape")) == "a\ufffdb"
