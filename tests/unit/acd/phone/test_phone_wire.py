"""What the phone does on the wire when datagrams get lost, come twice, come malformed, or ask for odd things."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from acd.phone import CallRejectedError, CallState, EndedBy, MediaOptions, Phone, PhoneAccount
from acd.phone.sdp import parse_sdp
from acd.phone.sip_message import SipRequest
from acd.phone.transaction import SipTimers
from tests.unit.acd.phone.raw_peer import PATIENCE, SDP, RawPeer

# T1 of 10 ms: timeouts of a call come after 0.64 s instead of 32.
QUICK = SipTimers(t1=0.01, t2=0.08)


@pytest.fixture
async def peer() -> AsyncIterator[RawPeer]:
    async with RawPeer() as raw:
        yield raw


@pytest.fixture
async def phone() -> AsyncIterator[Phone]:
    async with Phone(PhoneAccount("phone", None, "127.0.0.1"), timers=QUICK, goodbye_timeout=0.2) as opened:
        yield opened


def port_of(phone: Phone) -> int:
    return phone.address[1]


async def test_an_invite_is_repeated_and_every_200_acknowledged(phone: Phone, peer: RawPeer) -> None:
    call = await phone.call(f"sip:peer@127.0.0.1:{peer.port}")
    first, _ = await peer.request("INVITE")
    second, address = await peer.request("INVITE")
    assert first == second
    peer.respond(second, address, 200, SDP)
    ack, _ = await peer.request("ACK")
    await call.answered(PATIENCE)
    peer.respond(second, address, 200, SDP)
    again, _ = await peer.request("ACK")
    assert ack.cseq == again.cseq == (first.cseq[0], "ACK")
    assert ack.via.branch != first.via.branch
    assert ack.to.tag == "peer"
    assert ack.uri == f"sip:peer@127.0.0.1:{peer.port}"


async def test_a_refusal_is_acknowledged_within_its_transaction(phone: Phone, peer: RawPeer) -> None:
    call = await phone.call(f"sip:peer@127.0.0.1:{peer.port}")
    invite, address = await peer.request("INVITE")
    for _ in range(2):
        peer.respond(invite, address, 486)
        ack, _ = await peer.request("ACK")
        assert ack.via.branch == invite.via.branch
        assert ack.to.tag == "peer"
    with pytest.raises(CallRejectedError):
        await call.answered(PATIENCE)


async def test_silence_ends_an_invite(phone: Phone, peer: RawPeer) -> None:
    call = await phone.call(f"sip:peer@127.0.0.1:{peer.port}")
    end = await call.ended(PATIENCE)
    assert (end.by, end.status) == (EndedBy.NETWORK, 408)
    assert len(peer.seen) > 4


async def test_an_answer_that_crosses_the_cancel_is_ended_by_bye(phone: Phone, peer: RawPeer) -> None:
    call = await phone.call(f"sip:peer@127.0.0.1:{peer.port}")
    invite, address = await peer.request("INVITE")
    call.request_end()
    peer.respond(invite, address, 180)
    cancel, _ = await peer.request("CANCEL")
    assert cancel.via.branch == invite.via.branch
    peer.respond(cancel, address, 200)
    peer.respond(invite, address, 200, SDP)
    await peer.request("ACK")
    bye, _ = await peer.request("BYE")
    peer.respond(bye, address, 200)
    await call.hang_up()
    assert call.answered_at is None
    assert call.end is not None
    assert call.end.by is EndedBy.LOCAL


async def test_a_200_is_repeated_until_the_ack(phone: Phone, peer: RawPeer) -> None:
    peer.send(peer.compose("INVITE", port_of(phone), body=SDP), phone.address)
    call = await phone.incoming(PATIENCE)
    call.answer()
    first = await peer.response("INVITE")
    second = await peer.response("INVITE")
    assert first == second
    call.request_end()
    assert call.state is CallState.ANSWERED
    peer.send(peer.compose("ACK", port_of(phone), branch="2", to_tag=first.to.tag or ""), phone.address)
    # The BYE that was asked for waits for the ACK.
    bye, address = await peer.request("BYE")
    peer.respond(bye, address, 200)
    await call.hang_up()
    assert call.confirmed_at is not None


async def test_a_200_without_ack_ends_the_call(phone: Phone, peer: RawPeer) -> None:
    peer.send(peer.compose("INVITE", port_of(phone), body=SDP), phone.address)
    call = await phone.incoming(PATIENCE)
    call.answer()
    end = await call.ended(PATIENCE)
    assert (end.by, end.reason) == (EndedBy.NETWORK, "no ACK")
    await peer.request("BYE")


async def test_a_repeated_invite_is_one_call(phone: Phone, peer: RawPeer) -> None:
    invite = peer.compose("INVITE", port_of(phone), body=SDP)
    peer.send(invite, phone.address)
    call = await phone.incoming(PATIENCE)
    call.ring()
    while (await peer.response("INVITE", final=False)).status != 180:
        pass
    peer.send(invite, phone.address)
    assert (await peer.response("INVITE", final=False)).status == 180
    assert len(phone.calls) == 1
    call.reject(603)
    assert (await peer.response("INVITE")).status == 603


async def test_an_invite_without_offer_gets_ours(phone: Phone, peer: RawPeer) -> None:
    peer.send(peer.compose("INVITE", port_of(phone)), phone.address)
    call = await phone.incoming(PATIENCE)
    call.answer()
    response = await peer.response("INVITE")
    assert parse_sdp(response.body).port == call.media.port
    assert not call.media.is_sending
    ack = peer.compose("ACK", port_of(phone), branch="2", to_tag=response.to.tag or "", body=SDP)
    peer.send(ack, phone.address)
    await call.wait_for(lambda: call.media.is_sending, PATIENCE, "sending")


async def test_a_busy_loop_does_not_make_a_call_look_late(phone: Phone, peer: RawPeer) -> None:
    peer.send(peer.compose("INVITE", port_of(phone), body=SDP), phone.address)
    clock = asyncio.get_running_loop().time
    sent_at = clock()
    while clock() < sent_at + 0.05:
        pass
    free_at = clock()
    call = await phone.incoming(PATIENCE)
    assert call.invited_at < free_at
    call.reject()


async def answered(phone: Phone, peer: RawPeer) -> str:
    """A call from the peer to the phone; returns the phone's tag."""
    peer.send(peer.compose("INVITE", port_of(phone), body=SDP), phone.address)
    (await phone.incoming(PATIENCE)).answer()
    tag = (await peer.response("INVITE")).to.tag or ""
    peer.send(peer.compose("ACK", port_of(phone), branch="ack", to_tag=tag), phone.address)
    return tag


@pytest.mark.parametrize(
    ("method", "status"),
    [("OPTIONS", 200), ("NOTIFY", 200), ("INFO", 200), ("REFER", 603), ("MESSAGE", 405), ("UPDATE", 200)],
)
async def test_requests_within_a_call(phone: Phone, peer: RawPeer, method: str, status: int) -> None:
    tag = await answered(phone, peer)
    request = peer.compose(method, port_of(phone), cseq=2, branch="2", to_tag=tag)
    peer.send(request, phone.address)
    first = await peer.response(method)
    peer.send(request, phone.address)
    assert await peer.response(method) == first
    assert first.status == status


@pytest.mark.parametrize(
    ("method", "status"),
    [("OPTIONS", 200), ("NOTIFY", 200), ("REFER", 603), ("BYE", 481), ("CANCEL", 481), ("SUBSCRIBE", 405)],
)
async def test_requests_outside_a_call(phone: Phone, peer: RawPeer, method: str, status: int) -> None:
    peer.send(peer.compose(method, port_of(phone)), phone.address)
    response = await peer.response(method)
    assert response.status == status
    assert response.to.tag is not None
    assert response.via.params["rport"] == str(peer.port)


async def test_requests_that_do_not_fit_the_call(phone: Phone, peer: RawPeer) -> None:
    tag = await answered(phone, peer)
    port = port_of(phone)
    cases = [
        (peer.compose("BYE", port, cseq=9, branch="a", to_tag="other"), "BYE", 481),
        (peer.compose("OPTIONS", port, cseq=1, branch="b", to_tag=tag), "OPTIONS", 500),
        (peer.compose("INVITE", port, cseq=3, branch="c", to_tag=tag, body=b"rubbish"), "INVITE", 488),
    ]
    for datagram, method, status in cases:
        peer.send(datagram, phone.address)
        assert (await peer.response(method)).status == status
    assert len(phone.calls) == 1


async def test_a_reinvite_moves_the_audio(phone: Phone, peer: RawPeer) -> None:
    tag = await answered(phone, peer)
    call = next(iter(phone.calls.values()))
    moved = SDP.replace(b"audio 9 ", b"audio 11 ") + b"a=inactive\r\n"
    peer.send(peer.compose("INVITE", port_of(phone), cseq=2, branch="2", to_tag=tag, body=moved), phone.address)
    response = await peer.response("INVITE")
    assert (response.status, parse_sdp(response.body).direction) == (200, "inactive")
    assert (call.remote_port, call.media.is_sending, call.is_held_by_remote) == (11, False, True)
    peer.send(peer.compose("INVITE", port_of(phone), cseq=3, branch="3", to_tag=tag, body=SDP), phone.address)
    assert (await peer.response("INVITE")).status == 491  # the first change is not acknowledged yet


async def test_keys_by_info(phone: Phone, peer: RawPeer) -> None:
    tag = await answered(phone, peer)
    call = next(iter(phone.calls.values()))
    extra = "Content-Type: application/dtmf-relay\r\n"
    for number, body in enumerate((b"Signal=5\r\nDuration=160\r\n", b"Signal=x\r\n", b"Signal= # \r\n"), start=2):
        request = peer.compose(
            "INFO", port_of(phone), cseq=number, branch=str(number), to_tag=tag, body=body, extra=extra
        )
        peer.send(request, phone.address)
        assert (await peer.response("INFO")).status == 200
    assert call.received_digits == "5#"


@pytest.mark.parametrize(
    ("extra", "status"),
    [("Require: 100rel\r\n", 420), ("Content-Type: text/plain\r\n", 415), ("Max-Forwards: x\r\n", 400)],
)
async def test_invites_nobody_can_take(phone: Phone, peer: RawPeer, extra: str, status: int) -> None:
    peer.send(peer.compose("INVITE", port_of(phone), body=SDP, extra=extra), phone.address)
    response = await peer.response("INVITE")
    assert response.status == status
    assert status != 420 or response.headers.get("unsupported") == "100rel"
    assert phone.calls == {}


async def test_the_cause_of_the_end_is_read(phone: Phone, peer: RawPeer) -> None:
    tag = await answered(phone, peer)
    call = next(iter(phone.calls.values()))
    extra = 'Reason: SIP;cause=200, Q.850;cause=31;text="Normal, unspecified"\r\n'
    peer.send(peer.compose("BYE", port_of(phone), cseq=2, branch="2", to_tag=tag, extra=extra), phone.address)
    end = await call.ended(PATIENCE)
    assert (end.by, end.cause, end.reason) == (EndedBy.REMOTE, 31, "Normal, unspecified")


async def test_an_invite_without_contact_is_refused(phone: Phone, peer: RawPeer) -> None:
    datagram = peer.compose("INVITE", port_of(phone), body=SDP)
    lines = [line for line in datagram.split(b"\r\n") if not line.startswith(b"Contact")]
    peer.send(b"\r\n".join(lines), phone.address)
    assert (await peer.response("INVITE")).status == 400
    assert phone.calls == {}


async def test_keep_alives_and_rubbish_are_ignored(phone: Phone, peer: RawPeer) -> None:
    for rubbish in (b"", b"\r\n\r\n", b"\0", b"\x80\xc8\0\0", b"GET / HTTP/1.1\r\n\r\n", bytes(range(256))):
        peer.send(rubbish, phone.address)
    peer.send(peer.compose("OPTIONS", port_of(phone)), phone.address)
    assert (await peer.response("OPTIONS")).status == 200
    assert len(peer.seen) == 1


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.floats(0, 1), st.binary(max_size=12), st.integers(0, 12)),
        min_size=5,
        max_size=5,
    )
)
def test_no_datagram_raises(mutilations: list[tuple[int, float, bytes, int]]) -> None:
    """Mutilated requests and responses are handed to the socket's own reader."""

    async def scenario() -> None:
        async with RawPeer() as peer, Phone(PhoneAccount("phone", "s", "127.0.0.1"), timers=QUICK) as phone:
            call = await phone.call(f"sip:peer@127.0.0.1:{peer.port}")
            invite, _ = await peer.request("INVITE")
            challenge = b'WWW-Authenticate: Digest realm="r", nonce="n", qop="auth"\r\n'
            response = invite.encode().replace(invite.first_line().encode(), b"SIP/2.0 401 No")
            bases = [
                peer.compose("INVITE", port_of(phone), body=SDP),
                response.replace(b"Max-Forwards: 70\r\n", challenge),
                response.replace(b"SIP/2.0 401 No", b"SIP/2.0 200 OK"),
            ]
            for which, share, noise, cut in mutilations:
                base = bases[which]
                at = round(share * len(base))
                phone.user_agent.receive(base[:at] + noise + base[at + cut :], ("127.0.0.1", peer.port), 0.0)
            for known in [*phone.calls.values(), call]:
                known.abandon()

    asyncio.run(scenario())


async def test_a_challenge_is_answered_once(peer: RawPeer) -> None:
    account = PhoneAccount("phone", "secret", "127.0.0.1")
    async with Phone(account, timers=QUICK, media=MediaOptions(), goodbye_timeout=0.2) as phone:
        call = await phone.call(f"sip:peer@127.0.0.1:{peer.port}")
        attempts: list[SipRequest] = []
        for _ in range(2):
            invite, address = await peer.request("INVITE")
            attempts.append(invite)
            response = invite.encode().replace(
                invite.first_line().encode(),
                b'SIP/2.0 407 Auth\r\nProxy-Authenticate: Digest realm="r", nonce="n", qop="auth"',
            )
            peer.send(response, address)
            await peer.request("ACK")
        with pytest.raises(CallRejectedError) as refused:
            await call.answered(PATIENCE)
        assert refused.value.status == 407
        first, second = attempts
        assert "Proxy-Authorization" not in first.headers
        assert "Proxy-Authorization" in second.headers
        assert second.cseq[0] == first.cseq[0] + 1
        assert second.body == first.body
