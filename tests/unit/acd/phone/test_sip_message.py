"""SIP messages: RFC 3261's own examples, what matters of the torture tests of RFC 4475, and injection."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acd.phone.errors import InvalidSipValueError, SipParseError
from acd.phone.sip_message import (
    Headers,
    SipRequest,
    SipResponse,
    make_response,
    parse_message,
    refuse_malformed,
)

# RFC 3261, section 24.2, F1.
INVITE = (
    "INVITE sip:bob@biloxi.com SIP/2.0\r\n"
    "Via: SIP/2.0/UDP pc33.atlanta.com;branch=z9hG4bKnashds8\r\n"
    "Max-Forwards: 70\r\n"
    "To: Bob <sip:bob@biloxi.com>\r\n"
    "From: Alice <sip:alice@atlanta.com>;tag=1928301774\r\n"
    "Call-ID: a84b4c76e66710\r\n"
    "CSeq: 314159 INVITE\r\n"
    "Contact: <sip:alice@pc33.atlanta.com>\r\n"
    "Content-Type: application/sdp\r\n"
    "Content-Length: 4\r\n"
    "\r\n"
    "v=0\n"
)

# RFC 4475, section 3.1.1.1 (folding, compact names, odd case and spacing), slightly shortened.
TORTUOUS = (
    "INVITE sip:vivekg@chair-dnrc.example.com;unknownparam SIP/2.0\r\n"
    "TO :\r\n sip:vivekg@chair-dnrc.example.com ;   tag    = 1918181833n\r\n"
    'from   : "J Rosenberg \\\\\\""       <sip:jdrosen@example.com>\r\n  ;\r\n  tag = 98asjd8\r\n'
    "MaX-fOrWaRdS: 0068\r\n"
    "Call-ID: wsinv.ndaksdj@192.0.2.1\r\n"
    "Content-Length   : 0\r\n"
    "cseq: 0009\r\n  INVITE\r\n"
    "Via  : SIP  /   2.0\r\n /UDP\r\n    192.0.2.2;branch=390skdjuw\r\n"
    "s :\r\n"
    "NewFangledHeader:   newfangled value\r\n continued newfangled value\r\n"
    "UnknownHeaderWithUnusualValue: ;;,,;;,;\r\n"
    "Content-Type: application/sdp\r\n"
    "Route:\r\n <sip:services.example.com;lr;unknownwith=value;unknown-no-value>\r\n"
    "v:  SIP  / 2.0  / TCP     spindle.example.com   ;\r\n  branch  =   z9hG4bK9ikj8  ,\r\n"
    " SIP  /    2.0   / UDP  192.168.255.111   ; branch=\r\n z9hG4bK30239\r\n"
    'm:"Quoted string \\"\\"" <sip:jdrosen@example.com> ; newparam =\r\n      newvalue ;\r\n'
    "  secondparam ; q = 0.33\r\n\r\n"
)


def variant(old: str, new: str) -> bytes:
    assert old in INVITE
    return INVITE.replace(old, new, 1).encode()


def test_reads_the_example_of_rfc_3261() -> None:
    message = parse_message(INVITE.encode())
    assert isinstance(message, SipRequest)
    assert (message.method, message.uri, message.body) == ("INVITE", "sip:bob@biloxi.com", b"v=0\n")
    assert (message.from_.display_name, message.from_.uri, message.from_.tag) == (
        "Alice",
        "sip:alice@atlanta.com",
        "1928301774",
    )
    assert message.to.tag is None
    assert (message.via.host, message.via.port, message.via.branch) == ("pc33.atlanta.com", 5060, "z9hG4bKnashds8")
    assert message.cseq == (314159, "INVITE")
    assert parse_message(message.encode()) == message


def test_reads_the_tortuous_invite() -> None:
    message = parse_message(TORTUOUS.encode())
    assert isinstance(message, SipRequest)
    assert message.to.tag == "1918181833n"
    assert message.from_.display_name == 'J Rosenberg \\"'
    assert message.from_.tag == "98asjd8"
    assert message.cseq == (9, "INVITE")
    assert message.via.branch == "390skdjuw"
    assert len(message.headers.get_list("via")) == 3
    assert message.headers.get("subject") == ""
    assert message.headers.get("NewFangledHeader") == "newfangled value continued newfangled value"


def test_reads_a_response_without_a_reason() -> None:
    answer = INVITE.replace("INVITE sip:bob@biloxi.com SIP/2.0", "SIP/2.0 100 ").encode()
    message = parse_message(answer)
    assert isinstance(message, SipResponse)
    assert (message.status, message.reason) == (100, "")


def test_octets_after_the_body_are_dropped() -> None:
    assert parse_message(INVITE.encode() + b"INVITE sip:second@example.com SIP/2.0\r\n").body == b"v=0\n"


def test_octets_that_are_not_utf_8_survive_the_way_back() -> None:
    raw = INVITE.encode().replace(b"Alice", b"\xff\xfe")
    request = parse_message(raw)
    assert isinstance(request, SipRequest)
    assert b"\xff\xfe" in make_response(request, 200, "t").encode()


@pytest.mark.parametrize(
    ("old", "new", "status"),
    [
        ("SIP/2.0\r\nVia", "SIP/7.0\r\nVia", 505),
        ("INVITE sip:bob@biloxi.com SIP", "INVITE  sip:bob@biloxi.com SIP", 400),
        ("INVITE sip:bob@biloxi.com SIP", "INVITE <sip:bob@biloxi.com> SIP", 400),
        ("INVITE sip:bob@biloxi.com SIP", "INVITE sip:bob@biloxi.com; lr SIP", 400),
        ("INVITE sip:bob@biloxi.com SIP", "INVITE bob SIP", 400),
        ("Content-Length: 4", "Content-Length: 9999", 400),
        ("Content-Length: 4", "Content-Length: -999", 400),
        ("Content-Length: 4", "Content-Length: 4\r\nContent-Length: 5", 400),
        ("CSeq: 314159", "CSeq: 36893488147419103232", 400),
        ("CSeq: 314159", "CSeq: 2147483648", 400),
        ("CSeq: 314159 INVITE", "CSeq: 314159 OPTIONS", 400),
        ("CSeq: 314159 INVITE\r\n", "", 400),
        ("Call-ID: a84b4c76e66710\r\n", "", 400),
        ("From: Alice", 'From: "Alice', 400),
        ("<sip:alice@atlanta.com>", "<sip:alice@atlanta.com", 400),
        ("To: Bob <sip:bob@biloxi.com>", "To: Bob <sip:bob@biloxi.com>\r\nTo: <sip:x@y>", 400),
        ("Max-Forwards: 70", "Max-Forwards: 300", 400),
        ("Max-Forwards: 70", "Max-Forwards", 400),
        ("Via: SIP/2.0/UDP pc33", "Via: NIP/2.0/UDP pc33", 400),
        ("pc33.atlanta.com;", "pc33.atlanta.com:99999;", 400),
        (";branch", ";;branch", 400),
        ("Alice", "Al\nice", 400),
        ("Alice", "Al\0ice", 400),
        ("\r\n\r\n", "\r\n", 400),
    ],
)
def test_what_is_malformed_is_refused(old: str, new: str, status: int) -> None:
    with pytest.raises(SipParseError) as refused:
        parse_message(variant(old, new))
    assert refused.value.status == status


def test_a_malformed_request_gets_its_reply() -> None:
    reply = refuse_malformed(variant("Content-Length: 4", "Content-Length: x"), SipParseError("x", 400))
    assert reply is not None
    assert reply.encode().startswith(b"SIP/2.0 400 Bad Request\r\nVia: SIP/2.0/UDP pc33.atlanta.com")


@pytest.mark.parametrize(
    "data",
    [
        variant("INVITE sip:bob@biloxi.com SIP/2.0", "ACK sip:bob@biloxi.com SIP/2.0"),
        variant("INVITE sip:bob@biloxi.com SIP/2.0", "SIP/2.0 999 What"),
        variant("INVITE sip:bob@biloxi.com SIP/2.0", "GET / HTTP/1.1"),
        variant("Via: SIP/2.0/UDP", "Via: rubbish"),
        b"\x80\xc8\x00\x06\r\n\r\n",
        b"",
    ],
)
def test_nobody_replies_to_what_is_not_a_request(data: bytes) -> None:
    assert refuse_malformed(data, SipParseError("x")) is None


@given(st.binary(max_size=200), st.integers(0, len(INVITE)), st.integers(0, 60))
def test_mutilated_messages_raise_nothing_but_parse_errors(noise: bytes, at: int, cut: int) -> None:
    data = INVITE.encode()
    data = data[:at] + noise + data[at + cut :]
    try:
        parse_message(data)
    except SipParseError as error:
        refuse_malformed(data, error)


@pytest.mark.parametrize(
    ("name", "value"), [("X-A", "a\r\nVia: b"), ("X-A", "a\nb"), ("X-A", "a\0"), ("X A", "a"), ("", "a")]
)
def test_headers_cannot_be_injected(name: str, value: str) -> None:
    with pytest.raises(InvalidSipValueError):
        Headers([(name, value)])


def test_headers_compare_without_case_and_by_compact_form() -> None:
    headers = Headers([("f", "<sip:a@b>"), ("Route", "<sip:x;lr>, <sip:y;lr>"), ("route", "<sip:z;lr>")])
    assert headers.get("FROM") == "<sip:a@b>"
    assert headers.get_list("Route") == ["<sip:x;lr>", "<sip:y;lr>", "<sip:z;lr>"]
    headers.set("From", "<sip:c@d>")
    assert headers.get_all("f") == ["<sip:c@d>"]
    assert "Contact" not in headers


def test_a_response_copies_what_the_rfc_wants() -> None:
    request = parse_message(INVITE.encode())
    assert isinstance(request, SipRequest)
    response = make_response(request, 180, "abc")
    assert response.to.tag == "abc"
    assert response.reason == "Ringing"
    assert response.headers.get("from") == request.headers.get("from")
    assert response.headers.get_all("via") == request.headers.get_all("via")
