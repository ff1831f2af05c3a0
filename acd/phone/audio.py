"""Sounds to send, WAV files, and telling what was heard.

PCM is `bytes` everywhere: 16 bits little-endian, mono, 8000 samples per second.
"""

from __future__ import annotations

import cmath
import math
import wave
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, chain, cycle, repeat
from pathlib import Path
from typing import Final, Protocol

from acd.phone import g711
from acd.phone.errors import AudioFormatError
from acd.phone.g711 import Codec
from acd.phone.rtp import SAMPLES_PER_FRAME, SAMPLES_PER_SECOND

FULL_SCALE: Final = 32767
_FRAME_BYTES: Final = 2 * SAMPLES_PER_FRAME
_DOMINANT_SAMPLES: Final = 8192
# Below this mean square (about -66 dB of full scale) there is nothing to compare.
_AUDIBLE_MEAN_SQUARE: Final = 16.0 * 16.0


class Sound(Protocol):
    """Something a phone can say: an endless run of 20 ms frames in a codec."""

    def frames(self, codec: Codec) -> Iterator[bytes]:
        """160 codes per item; never ends."""
        ...


@lru_cache(maxsize=32)
def _encoded(codec: Codec, pcm: bytes) -> tuple[bytes, ...]:
    codes = g711.encode(codec, pcm)
    rest = -len(codes) % SAMPLES_PER_FRAME
    codes += bytes([codec.silence]) * rest
    return tuple(codes[start : start + SAMPLES_PER_FRAME] for start in range(0, len(codes), SAMPLES_PER_FRAME))


@lru_cache(maxsize=1024)
def _tone_frames(codec: Codec, frequency: int, level: float) -> tuple[bytes, ...]:
    return _encoded(codec, tone(frequency, 1.0, level))


def _silence_frame(codec: Codec) -> bytes:
    return bytes([codec.silence]) * SAMPLES_PER_FRAME


@dataclass(frozen=True, slots=True)
class Silence:
    """Comfortable nothing."""

    def frames(self, codec: Codec) -> Iterator[bytes]:
        """The same silent frame for ever."""
        return repeat(_silence_frame(codec))


@dataclass(frozen=True, slots=True)
class Tone:
    """A sine of `frequency` Hz (rounded to whole ones, so that a second of it can be repeated without a click)."""

    frequency: float
    level: float = 0.3

    def frames(self, codec: Codec) -> Iterator[bytes]:
        """One second, again and again."""
        return cycle(_tone_frames(codec, round(self.frequency), self.level))


@dataclass(frozen=True, slots=True)
class Playback:
    """PCM, once and then silence, or again and again."""

    pcm: bytes
    loop: bool = False

    def frames(self, codec: Codec) -> Iterator[bytes]:
        """The frames of the PCM, the last one filled up with silence."""
        frames = _encoded(codec, self.pcm)
        if self.loop and frames:
            return cycle(frames)
        return chain(frames, repeat(_silence_frame(codec)))

    @classmethod
    def of_wav(cls, path: Path, *, loop: bool = False) -> Playback:
        """A WAV file; raises AudioFormatError."""
        return cls(read_wav(path), loop)


@lru_cache(maxsize=256)
def tone(frequency: float, seconds: float, level: float = 0.3) -> bytes:
    """A sine of `frequency` Hz whose peak is `level` (0.0 to 1.0) of full scale."""
    step = 2 * math.pi * frequency / SAMPLES_PER_SECOND
    peak = level * FULL_SCALE
    return g711.pcm_of(
        array("h", (round(peak * math.sin(step * n)) for n in range(round(seconds * SAMPLES_PER_SECOND))))
    )


def read_wav(path: Path) -> bytes:
    """The PCM of a WAV file; raises AudioFormatError unless it is 8 kHz, mono, 16 bits."""
    try:
        with wave.open(str(path), "rb") as file:
            found = (file.getframerate(), file.getnchannels(), 8 * file.getsampwidth())
            if found != (SAMPLES_PER_SECOND, 1, 16):
                raise AudioFormatError(
                    f"{path}: {found[0]} Hz, {found[1]} channels, {found[2]} bits; 8000 Hz, 1, 16 wanted"
                )
            return file.readframes(file.getnframes())
    except (wave.Error, EOFError) as error:
        raise AudioFormatError(f"{path}: not a WAV file that can be read: {error}") from error


def write_wav(path: Path, pcm: bytes) -> None:
    """Write PCM as a WAV file."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLES_PER_SECOND)
        file.writeframes(pcm)


def rms(pcm: bytes) -> float:
    """Root mean square as a share of full scale, 0.0 to 1.0; 0.0 for no samples."""
    samples = g711.samples_of(pcm)
    return math.sqrt(sum(map(int.__mul__, samples, samples)) / len(samples)) / FULL_SCALE if samples else 0.0


def tone_level(pcm: bytes, frequency: float) -> float:
    """Peak amplitude of the sine of `frequency` Hz in `pcm` as a share of full scale (Goertzel's algorithm).

    A phase jump within `pcm` weakens the result: look at pieces of up to a second.
    """
    samples = g711.samples_of(pcm)
    if not samples:
        return 0.0
    factor = 2 * math.cos(2 * math.pi * frequency / SAMPLES_PER_SECOND)
    before = last = 0.0
    for sample in samples:
        before, last = last, sample + factor * last - before
    power = max(0.0, before * before + last * last - factor * before * last)
    return 2 * math.sqrt(power) / len(samples) / FULL_SCALE


def dominant_frequency(pcm: bytes) -> float:
    """The strongest frequency in Hz over the loudest second or so of `pcm`; 0.0 when there is only silence."""
    samples = g711.samples_of(pcm)
    if len(samples) > _DOMINANT_SAMPLES:
        energy = [0, *accumulate(map(int.__mul__, samples, samples))]
        starts = range(0, len(samples) - _DOMINANT_SAMPLES + 1, SAMPLES_PER_FRAME)
        start = max(starts, key=lambda first: energy[first + _DOMINANT_SAMPLES] - energy[first])
        samples = samples[start : start + _DOMINANT_SAMPLES]
    if not samples or _mean_square(samples) < _AUDIBLE_MEAN_SQUARE:
        return 0.0
    count = len(samples)
    size = 1 << max(10, (count - 1).bit_length())
    window = (0.5 - 0.5 * math.cos(2 * math.pi * n / count) for n in range(count))
    spectrum = _fft([complex(a * b) for a, b in zip(samples, window, strict=True)] + [0j] * (size - count))
    levels = [abs(value) for value in spectrum[: size // 2]]
    peak = max(range(1, size // 2 - 1), key=levels.__getitem__)
    left, middle, right = levels[peak - 1 : peak + 2]
    bend = left - 2 * middle + right
    shift = 0.5 * (left - right) / bend if bend else 0.0
    return (peak + shift) * SAMPLES_PER_SECOND / size


def similarity(recording: bytes, reference: bytes) -> tuple[float, float]:
    """Find `reference` within `recording`: (score, offset in seconds).

    The score is the highest normalised cross-correlation, 0.0 to 1.0: a prompt after one or two G.711 round trips is
    above 0.95, another prompt of the same voice below 0.4, silence 0.0. A recording that holds only a part of the
    reference scores lower in proportion: cut the reference to compare the beginning. Both are halved to 4 kHz, so the
    offset is exact to 0.25 ms. About 0.5 s of CPU for 10 s of audio.

    Raises AudioFormatError when the reference is shorter than 50 ms.
    """
    heard = _halved(recording)
    wanted = _halved(reference)
    if len(wanted) < SAMPLES_PER_SECOND // 40:
        raise AudioFormatError("the reference is shorter than 50 ms")
    wanted_energy = math.fsum(sample * sample for sample in wanted)
    if len(heard) < len(wanted):
        heard = heard + [0.0] * (len(wanted) - len(heard))
    energy = [0.0, *accumulate(sample * sample for sample in heard)]
    if energy[-1] < _AUDIBLE_MEAN_SQUARE or wanted_energy < _AUDIBLE_MEAN_SQUARE * len(wanted):
        return 0.0, 0.0
    products = _correlate(heard, wanted)
    # Where the recording is nearly silent a tiny energy would turn noise into a perfect match.
    floor = max(0.05 * wanted_energy, _AUDIBLE_MEAN_SQUARE * len(wanted))
    best, best_at = 0.0, 0
    for offset in range(len(heard) - len(wanted) + 1):
        local = energy[offset + len(wanted)] - energy[offset]
        score = products[offset] / math.sqrt(max(local, floor) * wanted_energy)
        if score > best:
            best, best_at = score, offset
    return min(best, 1.0), best_at * 2 / SAMPLES_PER_SECOND


def _mean_square(samples: Sequence[int]) -> float:
    return sum(sample * sample for sample in samples) / len(samples)


def _halved(pcm: bytes) -> list[float]:
    """4000 samples per second, after a small low-pass, without the mean."""
    samples = g711.samples_of(pcm)
    if len(samples) < 3:
        return []
    smooth = [a + 2 * b + c for a, b, c in zip(samples[0::2], samples[1::2], samples[2::2], strict=False)]
    mean = sum(smooth) / len(smooth)
    return [(value - mean) / 4 for value in smooth]


def _correlate(heard: list[float], wanted: list[float]) -> list[float]:
    """The inner product of `wanted` with `heard` at every offset, by two transforms of both at once."""
    size = 1 << (len(heard) + len(wanted) - 1).bit_length()
    wanted = wanted + [0.0] * (size - len(wanted))
    heard = heard + [0.0] * (size - len(heard))
    both = _fft([complex(a, b) for a, b in zip(heard, wanted, strict=True)])
    mirrored = [both[0], *reversed(both[1:])]
    # With Z the spectrum of both and M its mirror: heard's is (Z + M*) / 2, wanted's (Z - M*) / 2i.
    # The correlation's is heard's times the conjugate of wanted's.
    product = [
        (z + m.conjugate()) * (z - m.conjugate()).conjugate() * 0.25j for z, m in zip(both, mirrored, strict=True)
    ]
    # The inverse transform of a spectrum whose signal is real: transform the conjugate.
    return [value.real / size for value in _fft([value.conjugate() for value in product])]


@lru_cache(maxsize=32)
def _twiddles(size: int) -> tuple[complex, ...]:
    return tuple(cmath.exp(-2j * cmath.pi * k / size) for k in range(size // 2))


def _fft(values: list[complex]) -> list[complex]:
    """Discrete Fourier transform; the length is a power of two."""
    size = len(values)
    if size == 1:
        return values
    if size == 2:
        return [values[0] + values[1], values[0] - values[1]]
    even = _fft(values[0::2])
    odd = [twiddle * value for twiddle, value in zip(_twiddles(size), _fft(values[1::2]), strict=True)]
    return [a + b for a, b in zip(even, odd, strict=True)] + [a - b for a, b in zip(even, odd, strict=True)]
