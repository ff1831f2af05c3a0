"""G.711: 16-bit PCM (little-endian, 8 kHz, mono) to A-law or mu-law and back, by table (ITU-T G.711)."""

from __future__ import annotations

import sys
from array import array
from enum import Enum
from functools import lru_cache


class Codec(Enum):
    """The two laws; the value is the RTP payload type (RFC 3551)."""

    PCMU = 0
    PCMA = 8

    @property
    def silence(self) -> int:
        """The code of the sample zero."""
        return 0xFF if self is Codec.PCMU else 0xD5


def _mu_law_value(code: int) -> int:
    code = ~code & 0xFF
    magnitude = (((code & 0x0F) << 3) + 0x84) << ((code & 0x70) >> 4)
    return 0x84 - magnitude if code & 0x80 else magnitude - 0x84


def _a_law_value(code: int) -> int:
    code ^= 0x55
    segment = (code & 0x70) >> 4
    magnitude = ((code & 0x0F) << 4) + 8
    if segment:
        magnitude = (magnitude + 0x100) << (segment - 1)
    return magnitude if code & 0x80 else -magnitude


@lru_cache(maxsize=2)
def values(codec: Codec) -> tuple[int, ...]:
    """The sample of each of the 256 codes."""
    value = _mu_law_value if codec is Codec.PCMU else _a_law_value
    return tuple(value(code) for code in range(256))


@lru_cache(maxsize=2)
def _decoding(codec: Codec) -> tuple[bytes, bytes]:
    samples = values(codec)
    return bytes(value & 0xFF for value in samples), bytes(value >> 8 & 0xFF for value in samples)


@lru_cache(maxsize=2)
def _encoding(codec: Codec) -> bytes:
    """The code nearest to each sample; a negative sample indexes from the end, as Python does."""
    ranked = sorted((value, code) for code, value in enumerate(values(codec)))
    table = bytearray(65536)
    rank = 0
    for sample in range(-32768, 32768):
        while rank + 1 < len(ranked) and abs(ranked[rank + 1][0] - sample) <= abs(ranked[rank][0] - sample):
            rank += 1
        table[sample] = ranked[rank][1]
    table[0] = codec.silence
    return bytes(table)


@lru_cache(maxsize=4)
def quiet_codes(codec: Codec, threshold: int = 256) -> bytes:
    """The codes whose sample is at most `threshold` away from zero, for bytes.translate(None, codes)."""
    return bytes(code for code, value in enumerate(values(codec)) if abs(value) <= threshold)


def samples_of(pcm: bytes) -> array[int]:
    """16-bit little-endian PCM as an array of ints; an odd last byte is dropped."""
    samples = array("h")
    samples.frombytes(pcm[: len(pcm) & ~1])
    if sys.byteorder == "big":
        samples.byteswap()
    return samples


def pcm_of(samples: array[int]) -> bytes:
    """The inverse of samples_of."""
    if sys.byteorder == "big":
        samples = samples[:]
        samples.byteswap()
    return samples.tobytes()


def encode(codec: Codec, pcm: bytes) -> bytes:
    """One byte per sample."""
    table = _encoding(codec)
    return bytes([table[sample] for sample in samples_of(pcm)])


def decode(codec: Codec, payload: bytes) -> bytes:
    """Two bytes per code, without a Python loop."""
    low, high = _decoding(codec)
    pcm = bytearray(2 * len(payload))
    pcm[0::2] = payload.translate(low)
    pcm[1::2] = payload.translate(high)
    return bytes(pcm)
