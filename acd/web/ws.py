"""/ws: one WebSocket per screen, fed by an agent's own feed or the supervisors'.

A frame is written to the socket by `Feed.publish` itself, inside the decision that caused it: when the engine's effect
asks Asterisk to ring a phone, the screen-pop has already been handed to the kernel. Only when the screen does not keep
up do frames wait in the subscription's outbox; when that is full the screen is cut off, comes back with its last `seq`
and gets the rest or a fresh snapshot.
"""

from __future__ import annotations

import asyncio
import hmac
from contextlib import suppress
from datetime import timedelta
from typing import Final

import msgspec
import structlog
from aiohttp import ClientConnectionResetError, WSCloseCode, WSMsgType, web

from acd.service.feeds import Feed, Sink, Subscription
from acd.service.ports import Role
from acd.web import agents
from acd.web.auth import Session, check_origin, require_role, require_session
from acd.web.endpoint import AGENTS, ANYBODY, SUPERVISORS
from acd.web.errors import ApiError
from acd.web.services import SERVICES, WebServices

log = structlog.get_logger(__name__)

HEARTBEAT: Final = timedelta(seconds=20)
SESSION_CHECK: Final = timedelta(seconds=30)
LARGEST_MESSAGE: Final = 4096  # bytes from the client, who has little to say
HIGH_WATER: Final = 256 * 1024  # unsent bytes of one screen before its frames wait in the outbox
MOST_PER_USER: Final = 20
SESSION_OVER: Final = 4401  # close code: log in again


class SocketSink(Sink):
    """Writes frames straight to the connection's transport."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport

    def take(self, frame: bytes) -> bool:
        if self._transport.is_closing():
            return True  # nobody is there to read it; the screen's own task is about to notice
        if self._transport.get_write_buffer_size() > HIGH_WATER:
            return False
        self._transport.write(text_frame(frame))
        return True

    def cut(self) -> None:
        self._transport.abort()


def text_frame(payload: bytes) -> bytes:
    """RFC 6455, 5.2: FIN and opcode 1 (text), length in 7, 16 or 64 bits; servers do not mask."""
    size = len(payload)
    if size < 126:
        return b"\x81" + size.to_bytes(1, "big") + payload
    if size < 65536:
        return b"\x81\x7e" + size.to_bytes(2, "big") + payload
    return b"\x81\x7f" + size.to_bytes(8, "big") + payload


class OpenScreens:
    """The WebSockets that are open now."""

    def __init__(self) -> None:
        self._sessions: dict[web.WebSocketResponse, Session] = {}
        self._sinks: dict[web.WebSocketResponse, SocketSink] = {}

    def add(self, ws: web.WebSocketResponse, session: Session, sink: SocketSink) -> None:
        self._sessions[ws] = session
        self._sinks[ws] = sink

    def remove(self, ws: web.WebSocketResponse) -> None:
        self._sessions.pop(ws, None)
        self._sinks.pop(ws, None)

    def count_of(self, login: str) -> int:
        return sum(session.user.login == login for session in self._sessions.values())

    def cut_session(self, token: str) -> None:
        """Whoever logged out sees nothing any more."""
        for ws, session in tuple(self._sessions.items()):
            if hmac.compare_digest(session.token, token):
                self._sinks[ws].cut()

    async def close_all(self) -> None:
        for ws in tuple(self._sessions):
            await ws.close(code=WSCloseCode.GOING_AWAY, message=b"the service stops")


OPEN_SCREENS: Final = web.AppKey("open_screens", OpenScreens)


async def serve_screen(request: web.Request) -> web.WebSocketResponse:
    check_origin(request)
    session = await require_session(request, ANYBODY)
    services, screens = request.app[SERVICES], request.app[OPEN_SCREENS]
    kind = _chosen_feed(request, session)
    last_seq = _last_seq(request)
    if screens.count_of(session.user.login) >= MOST_PER_USER:
        raise ApiError(429, "screens.too_many", f"There are already {MOST_PER_USER} open screens of this user.")
    feed = _feed(services, session, kind)
    ws = web.WebSocketResponse(
        heartbeat=HEARTBEAT.total_seconds(),
        max_msg_size=LARGEST_MESSAGE,
        compress=False,  # frames are written as they are, once encoded for all
        timeout=2.0,
    )
    await ws.prepare(request)
    transport = request.transport
    if transport is None:
        return ws
    subscription = feed.join(last_seq)
    sink = SocketSink(transport)
    screens.add(ws, session, sink)
    services.metrics.screens_connected.labels(kind).inc()
    try:
        subscription.attach(sink)
        await _converse(ws, subscription, services, session)
    finally:
        subscription.close()
        screens.remove(ws)
        services.metrics.screens_connected.labels(kind).dec()
        if subscription.is_cut:
            services.metrics.screens_cut.labels(kind).inc()
    return ws


def _chosen_feed(request: web.Request, session: Session) -> str:
    roles = session.user.roles
    kind = request.query.get("feed", "agent" if Role.AGENT in roles else "supervisor")
    if kind not in {"agent", "supervisor"}:
        raise ApiError(400, "feed.unknown", "feed: agent or supervisor.")
    require_role(session, AGENTS if kind == "agent" else SUPERVISORS)
    return kind


def _last_seq(request: web.Request) -> int | None:
    given = request.query.get("last_seq")
    if given is None:
        return None
    if not (given.isascii() and given.isdigit() and len(given) <= 16):
        raise ApiError(400, "last_seq.invalid", "last_seq: the `seq` of the last frame received.")
    return int(given)


def _feed(services: WebServices, session: Session, kind: str) -> Feed:
    if kind == "supervisor":
        return services.screens.supervisors
    agents.be_logged_in(services, session)
    return services.screens.agent_feed(session.agent_id)


async def _converse(
    ws: web.WebSocketResponse, subscription: Subscription, services: WebServices, session: Session
) -> None:
    """Until the client leaves, the feed cuts it off, or the session ends."""
    async with asyncio.TaskGroup() as group:
        listening = group.create_task(_listen(ws))
        watching = group.create_task(_end_of_session(services, session))
        writing = group.create_task(_write_late_frames(ws, subscription))
        await asyncio.wait((listening, watching), return_when=asyncio.FIRST_COMPLETED)
        if not listening.done():
            await ws.close(code=SESSION_OVER, message=b"log in again")
        for task in (listening, watching, writing):
            task.cancel()


async def _write_late_frames(ws: web.WebSocketResponse, subscription: Subscription) -> None:
    """What the sink would not take, at the pace at which the screen reads."""
    with suppress(ClientConnectionResetError):
        while (batch := await subscription.next_batch()) is not None:
            for frame in batch:
                await ws.send_frame(frame, WSMsgType.TEXT)


async def _end_of_session(services: WebServices, session: Session) -> None:
    """Returns when it is over: by time, the user removed or given a new password or other roles."""
    while True:
        await asyncio.sleep(SESSION_CHECK.total_seconds())
        try:
            user = await services.users.session_user(session.token, services.clock.now())
        except Exception:
            log.exception("session_not_checked")  # the database will be back; screens stay on meanwhile
            continue
        if user is None or user.roles != session.user.roles:
            return


async def _listen(ws: web.WebSocketResponse) -> None:
    """Screens order by HTTP; here they only say that they are alive."""
    async for message in ws:
        if message.type is WSMsgType.TEXT and _is_ping(message.data):
            with suppress(ClientConnectionResetError):
                await ws.send_str('{"type":"pong"}')


class _ClientMessage(msgspec.Struct):
    type: str


def _is_ping(text: str) -> bool:
    try:
        return msgspec.json.decode(text, type=_ClientMessage).type == "ping"
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return False
