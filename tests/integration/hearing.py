"""What a phone has heard, compared with what should have been said. numpy, because the phones' own clock runs in the
same thread: a second of arithmetic would be a second of silence on every call of the test."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from acd.phone import PhoneCall
from acd.phone.audio import read_wav, tone_level
from tests.integration.waiting import until

RATE = 8000
OPENING_SECONDS = 0.9  # enough of a prompt to know it from every other one of the same voice
SAME = 0.8  # normalised cross-correlation; a prompt after A-law is above 0.95, another one of the same voice below 0.5
TONE_LEVEL = 0.2  # the test's tones have 0.3
LOW, HIGH = 440.0, 1000.0  # agents' and callers' tones, unless told otherwise


def match(recording: bytes, reference: bytes) -> tuple[float, float]:
    """Where `reference` fits best into `recording`: (normalised cross-correlation 0..1, offset in seconds)."""
    heard, wanted = _samples(recording), _samples(reference)
    if len(heard) < len(wanted) or not len(wanted):
        return 0.0, 0.0
    size = 1 << (len(heard) + len(wanted)).bit_length()
    spectrum = np.fft.rfft(heard, size) * np.conj(np.fft.rfft(wanted, size))
    products = np.fft.irfft(spectrum, size)[: len(heard) - len(wanted) + 1]
    sums = np.concatenate(([0.0], np.cumsum(heard * heard)))
    wanted_energy = float(np.dot(wanted, wanted))
    local = sums[len(wanted) :] - sums[: len(sums) - len(wanted)]
    # Where nearly nothing is heard a tiny energy would turn noise into a perfect match.
    scores = products / np.sqrt(np.maximum(local, 0.05 * wanted_energy) * max(wanted_energy, 1.0))
    best = int(np.argmax(scores))
    return min(1.0, float(scores[best])), best / RATE


def opening(sound: bytes, seconds: float = OPENING_SECONDS) -> bytes:
    return sound[: 2 * round(seconds * RATE)]


def ending(sound: bytes, seconds: float = OPENING_SECONDS) -> bytes:
    """Without the breath of silence that the prompts have behind them."""
    breath = round(0.12 * RATE)
    return sound[-2 * (round(seconds * RATE) + breath) : -2 * breath]


def seconds_of(pcm: bytes) -> float:
    return len(pcm) / 2 / RATE


def since(call: PhoneCall, seconds: float) -> bytes:
    return call.recording[2 * round(seconds * RATE) :]


def heard_so_far(call: PhoneCall) -> float:
    """The length of the recording: a mark for `hears(..., after=mark)`."""
    return seconds_of(call.recording)


async def hears(call: PhoneCall, sound: bytes, what: str, after: float = 0.0) -> float:
    """Wait until the opening of `sound` is heard; when it began, in seconds of the recording."""
    wanted = opening(sound)
    found: list[float] = []

    def is_heard() -> bool:
        assert call.end is None, f"the call ended before it heard {what}"
        score, at = match(since(call, after), wanted)
        if score > SAME:
            found.append(after + at)
        return score > SAME

    await until(is_heard, f"{what} is heard", every=0.05)
    return found[-1]


async def hears_tone(call: PhoneCall, frequency: float, *, fresh_seconds: float = 0.5) -> None:
    """Wait until the last half second of what is recorded from now on is that tone."""
    mark = len(call.recording)

    def is_heard() -> bool:
        last = call.recording[-RATE:]
        is_fresh = len(call.recording) >= mark + 2 * round(fresh_seconds * RATE)
        return is_fresh and tone_level(last, frequency) > TONE_LEVEL

    await until(is_heard, f"a tone of {frequency:g} Hz is heard", every=0.05)


class Music:
    """The music on hold as its file holds it. Asterisk plays the pieces in order of name, to each from the start."""

    def __init__(self, folder: Path | None) -> None:
        assert folder is not None, "this Asterisk has no music"
        piece = min(path for path in folder.iterdir() if path.suffix == ".wav")
        self._pcm = read_wav(piece)[: 2 * 90 * RATE]

    def is_playing(self, call: PhoneCall, after: float = 0.0) -> bool:
        last = since(call, after)[-2 * RATE :]
        return seconds_of(last) == 1.0 and match(self._pcm, last)[0] > SAME

    async def heard(self, call: PhoneCall, after: float | None = None) -> None:
        """Wait until the last second heard (later than `after`, by default than now) is a second of the music."""
        mark = heard_so_far(call) if after is None else after
        await until(lambda: self.is_playing(call, mark), "the music is heard", every=0.1)


def loudness(pcm: bytes) -> float:
    samples = _samples(pcm)
    return math.sqrt(float(np.mean(samples * samples))) if len(samples) else 0.0


def _samples(pcm: bytes) -> NDArray[np.float64]:
    samples: NDArray[np.float64] = np.frombuffer(pcm[: len(pcm) & ~1], "<i2").astype(np.float64)
    return samples - float(samples.mean()) if len(samples) else samples
