"""Registration against a small registrar that checks digests."""

from __future__ import annotations

import asyncio

import pytest

from acd.phone import Phone, PhoneAccount, RegistrationError
from acd.phone.digest import Challenge, digest_response, parse_pairs
from acd.phone.sip_address import NameAddr
from acd.phone.sip_message import SipRequest, SipResponse, make_response
from acd.phone.transaction import SipTimers
from tests.unit.acd.phone.raw_peer import RawPeer, until

SECRET = "open sesame"


class Registrar:
    """`bindings` is contact URI -> seconds. A nonce is good for `nonce_uses` requests, then it is stale."""

    def __init__(self, *, nonce_uses: int = 100, minimum: int = 0, granted: int | None = None) -> None:
        self.bindings: dict[str, int] = {}
        self.refusal: int | None = None
        self.requests: list[SipRequest] = []
        self._nonce_uses = nonce_uses
        self._minimum = minimum
        self._granted = granted
        self._nonce_number = 0
        self._uses = 0

    @property
    def challenge(self) -> Challenge:
        return Challenge("test", f"nonce{self._nonce_number}", has_qop_auth=True)

    def __call__(self, request: SipRequest) -> SipResponse | None:
        self.requests.append(request)
        if self.refusal is not None:
            return make_response(request, self.refusal, "r")
        authorization = request.headers.get("authorization")
        if authorization is None:
            return self._ask(request, is_stale=False)
        fields = parse_pairs(authorization.removeprefix("Digest "))
        if fields["nonce"] != self.challenge.nonce or self._uses >= self._nonce_uses:
            self._nonce_number += 1
            self._uses = 0
            return self._ask(request, is_stale=True)
        self._uses += 1
        expected = digest_response(
            self.challenge,
            "phone",
            SECRET,
            method="REGISTER",
            uri=request.uri,
            count=int(fields["nc"], 16),
            cnonce=fields["cnonce"],
        )
        if fields["response"] != expected:
            return self._ask(request, is_stale=False)
        return self._register(request)

    def _ask(self, request: SipRequest, *, is_stale: bool) -> SipResponse:
        response = make_response(request, 401, "r")
        stale = ", stale=true" if is_stale else ""
        response.headers.add(
            "WWW-Authenticate",
            f'Digest realm="test", nonce="{self.challenge.nonce}", algorithm=MD5, qop="auth"{stale}',
        )
        return response

    def _register(self, request: SipRequest) -> SipResponse:
        expires = int(request.headers.get("expires") or "0")
        if 0 < expires < self._minimum:
            response = make_response(request, 423, "r")
            response.headers.add("Min-Expires", str(self._minimum))
            return response
        contact = NameAddr.parse(request.headers.get("contact") or "").uri
        if expires:
            self.bindings[contact] = expires if self._granted is None else self._granted
        else:
            self.bindings.pop(contact, None)
        response = make_response(request, 200, "r")
        response.headers.add("Contact", "<sip:other@192.0.2.1>;expires=7")
        for uri, seconds in self.bindings.items():
            response.headers.add("Contact", f"<{uri}>;expires={seconds}")
        return response


def phone_of(peer: RawPeer, secret: str | None = SECRET) -> Phone:
    account = PhoneAccount("phone", secret, f"127.0.0.1:{peer.port}")
    return Phone(account, timers=SipTimers(t1=0.01, t2=0.08), goodbye_timeout=0.5)


async def test_registers_with_a_digest_and_unregisters() -> None:
    registrar = Registrar()
    async with RawPeer(registrar) as peer, phone_of(peer) as phone:
        await phone.register(expires=120)
        assert phone.registration.granted_seconds == 120
        assert list(registrar.bindings) == [phone.uri]
        await phone.unregister()
        assert registrar.bindings == {}
        numbers = [request.cseq[0] for request in registrar.requests]
        assert numbers == sorted(set(numbers))
        assert len({request.call_id for request in registrar.requests}) == 1


async def test_leaving_unregisters() -> None:
    registrar = Registrar()
    async with RawPeer(registrar) as peer:
        async with phone_of(peer) as phone:
            await phone.register()
            assert registrar.bindings != {}
        assert registrar.bindings == {}


async def test_a_stale_nonce_is_replaced() -> None:
    registrar = Registrar(nonce_uses=0)
    async with RawPeer(registrar) as peer, phone_of(peer) as phone:
        with pytest.raises(RegistrationError):
            await phone.register()  # a registrar whose nonces are always stale is not asked for ever
        assert len(registrar.requests) == 4
        registrar._nonce_uses = 1
        await phone.register()
        await phone.register()
        assert phone.registration.is_registered


async def test_a_wrong_secret_is_tried_once() -> None:
    registrar = Registrar()
    async with RawPeer(registrar) as peer, phone_of(peer, "wrong") as phone:
        with pytest.raises(RegistrationError) as refused:
            await phone.register()
        assert refused.value.status == 401
        assert len(registrar.requests) == 2
        assert not phone.registration.is_registered


async def test_without_a_secret_nothing_is_tried() -> None:
    registrar = Registrar()
    async with RawPeer(registrar) as peer, phone_of(peer, None) as phone:
        with pytest.raises(RegistrationError):
            await phone.register()
        assert len(registrar.requests) == 1


async def test_a_longer_interval_is_obeyed() -> None:
    registrar = Registrar(minimum=600)
    async with RawPeer(registrar) as peer, phone_of(peer) as phone:
        await phone.register(expires=60)
        assert phone.registration.granted_seconds == 600


async def test_it_refreshes_by_itself() -> None:
    registrar = Registrar(granted=0)
    async with RawPeer(registrar) as peer, phone_of(peer) as phone:
        await phone.register()
        await until(lambda: phone.registration.refreshes >= 2)
        registrar.refusal = 503
        await until(lambda: not phone.registration.is_registered)


async def test_a_registrar_that_says_nothing() -> None:
    async with RawPeer() as peer, phone_of(peer) as phone:
        with pytest.raises(RegistrationError) as refused:
            await phone.register()
        assert refused.value.status == 408


async def test_closing_frees_whoever_waits() -> None:
    async with RawPeer() as peer, asyncio.TaskGroup() as tasks:
        phone = Phone(PhoneAccount("phone", None, f"127.0.0.1:{peer.port}"))
        async with phone:
            waiting = tasks.create_task(_refused(phone))
            await peer.request("REGISTER")
        assert await waiting == 408


async def _refused(phone: Phone) -> int:
    with pytest.raises(RegistrationError) as refused:
        await phone.register()
    return refused.value.status
