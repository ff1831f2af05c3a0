"""When each byte of a TCP stream came over the wire (loopback), to the microsecond, for those who may look: root.

The kernel stamps what a TCP socket reads too, but it joins packets that wait to be read and keeps the last one's
stamp: under load a screen-pop seems to come with the frame after it, milliseconds late. A packet socket does not join
them.
"""

from __future__ import annotations

import ctypes
import socket
import struct
from bisect import bisect_right

from acd.phone.arrival import SO_TIMESTAMPNS, arrival

_SO_ATTACH_FILTER = 26  # Linux; the constant has no name in Python's socket module
_INSTRUCTION = struct.Struct("@HBBI")
_IPV4 = 0x0800
_LOOPBACK = "lo"
_SNAP = 65_536
_ANCILLARY = 64
_WRAP = 0xFFFFFFFF
_KEPT = 4096  # packets of a stream

# Classic BPF (bpf(2), as `tcpdump -d` shows it): IPv4, TCP, not a fragment, from the port.
_FILTER = (
    (0x30, 0, 0, 9),  # ldb [9]: protocol
    (0x15, 0, 6, 6),  # jeq TCP
    (0x28, 0, 0, 6),  # ldh [6]: fragment
    (0x45, 4, 0, 0x1FFF),  # jset
    (0xB1, 0, 0, 0),  # ldxb 4*([0]&0xf): length of the IP header
    (0x48, 0, 0, 0),  # ldh [x+0]: source port
    (0x15, 0, 1, -1),  # jeq the port
    (0x06, 0, 0, _SNAP),  # ret: take it
    (0x06, 0, 0, 0),  # ret: leave it
)


class _Stream:
    """Packets towards one local port: where in the stream each ends, and when it came."""

    def __init__(self, first: int) -> None:
        self._first = first
        self._starts: list[int] = []
        self._stamps: list[float] = []

    def add(self, sequence: int, stamp: float) -> None:
        start = (sequence - self._first) & _WRAP
        if not self._starts or start > self._starts[-1]:  # else sent again
            self._starts.append(start)
            self._stamps.append(stamp)
        if len(self._starts) > 2 * _KEPT:
            del self._starts[:_KEPT], self._stamps[:_KEPT]

    def arrived_at(self, offset: int) -> float | None:
        place = bisect_right(self._starts, offset & _WRAP)
        return self._stamps[place - 1] if place else None


class Wire:
    """All streams from one local port. Raises PermissionError, or OSError where there are no packet sockets."""

    def __init__(self, port: int) -> None:
        self._streams: dict[int, _Stream] = {}
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)  # hears nothing until it is bound
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        code = b"".join(_INSTRUCTION.pack(op, yes, no, port if k == -1 else k) for op, yes, no, k in _FILTER)
        held = ctypes.create_string_buffer(code)
        program = struct.pack("@HP", len(_FILTER), ctypes.addressof(held))  # struct sock_fprog
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)
        self._socket.bind((_LOOPBACK, _IPV4))

    def close(self) -> None:
        self._socket.close()

    def forget(self, local_port: int) -> None:
        self._streams.pop(local_port, None)

    def arrived_at(self, local_port: int, offset: int, now: float) -> float | None:
        """When the byte at `offset` of the stream to this port came, in loop time. None: it was not seen."""
        self._listen(now)
        stream = self._streams.get(local_port)
        return stream.arrived_at(offset) if stream else None

    def _listen(self, now: float) -> None:
        """A packet is here before the socket it is for can be read."""
        while True:
            try:
                packet, ancillary, _, address = self._socket.recvmsg(128, _ANCILLARY)
            except OSError:
                return
            if address[2] == socket.PACKET_HOST:
                self._take(packet, arrival(ancillary, now))

    def _take(self, packet: bytes, stamp: float) -> None:
        size = int.from_bytes(packet[2:4], "big")
        tcp = (packet[0] & 0x0F) * 4
        to_port = int.from_bytes(packet[tcp + 2 : tcp + 4], "big")
        sequence = int.from_bytes(packet[tcp + 4 : tcp + 8], "big")
        flags = packet[tcp + 13]
        if flags & 0x02:  # SYN takes one number: the stream's first byte has the next
            self._streams[to_port] = _Stream(sequence + 1)
        elif size > tcp + (packet[tcp + 12] >> 4) * 4 and to_port in self._streams:
            self._streams[to_port].add(sequence, stamp)
