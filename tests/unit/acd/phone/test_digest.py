"""Digest authentication against the RFC's numbers."""

from __future__ import annotations

import pytest

from acd.phone.digest import Challenge, Credentials, digest_response, parse_pairs
from acd.phone.errors import SipParseError

NONCE = "dcd98b7102dd2f0e8b11d0f600bfb0c093"


def test_the_example_of_rfc_2617() -> None:
    challenge = Challenge.parse(
        f'Digest realm="testrealm@host.com", qop="auth,auth-int", nonce="{NONCE}", '
        'opaque="5ccc069c403ebaf9f0171e9517f40e41"'
    )
    response = digest_response(
        challenge, "Mufasa", "Circle Of Life", method="GET", uri="/dir/index.html", count=1, cnonce="0a4f113b"
    )
    assert response == "6629fae49393a05397450978507c4ef1"


def test_the_sha_256_example_of_rfc_7616() -> None:
    challenge = Challenge.parse(
        'Digest realm="http-auth@example.org", qop="auth", algorithm=SHA-256, '
        'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
    )
    response = digest_response(
        challenge,
        "Mufasa",
        "Circle of Life",
        method="GET",
        uri="/dir/index.html",
        count=1,
        cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
    )
    assert response == "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"


def test_the_count_rises_with_each_use_of_a_nonce() -> None:
    credentials = Credentials("a", "b")
    first = Challenge("r", "n1", has_qop_auth=True, opaque='o"p')
    assert parse_pairs(credentials.authorize(first, "REGISTER", "sip:x")[7:])["nc"] == "00000001"
    fields = parse_pairs(credentials.authorize(first, "REGISTER", "sip:x")[7:])
    assert (fields["nc"], fields["opaque"], fields["qop"]) == ("00000002", 'o"p', "auth")
    second = Challenge("r", "n2", has_qop_auth=True)
    assert parse_pairs(credentials.authorize(second, "REGISTER", "sip:x")[7:])["nc"] == "00000001"


def test_without_qop_there_is_no_count() -> None:
    fields = parse_pairs(Credentials("a", "b").authorize(Challenge("r", "n"), "INVITE", "sip:x")[7:])
    assert "nc" not in fields
    assert fields["uri"] == "sip:x"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Basic realm=x",
        'Digest realm="x"',
        'Digest nonce="x"',
        'Digest realm="r", nonce="n", algorithm=MD4',
        'Digest realm="r", nonce="n", qop="auth-int"',
        'Digest realm="r, nonce="n"',
        'Digest realm="r\x01", nonce="n"',
        'Digest realm="r", nonce="\udcff"',
    ],
)
def test_challenges_nobody_can_answer(text: str) -> None:
    with pytest.raises(SipParseError):
        Challenge.parse(text)
