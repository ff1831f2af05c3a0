"""G.711, tones, WAV files, and telling what was heard."""

from __future__ import annotations

import random
import wave
from array import array
from pathlib import Path

import pytest

from acd.phone import g711
from acd.phone.audio import (
    Playback,
    Silence,
    Tone,
    dominant_frequency,
    read_wav,
    rms,
    similarity,
    tone,
    tone_level,
    write_wav,
)
from acd.phone.errors import AudioFormatError
from acd.phone.g711 import Codec


def babble(seed: int, seconds: float) -> bytes:
    """Something like speech: syllables of changing pitch, loudness and length between short pauses."""
    source = random.Random(seed)
    pcm = b""
    while len(pcm) < 16000 * seconds:
        pitch = source.uniform(110, 260)
        mixed = [0.0] * round(8000 * source.uniform(0.08, 0.25))
        for harmonic in (1, 2, 3, 5):
            part = array("h", tone(pitch * harmonic, len(mixed) / 8000, source.uniform(0.02, 0.2)))
            mixed = [a + b for a, b in zip(mixed, part, strict=True)]
        pcm += array("h", (round(value) for value in mixed)).tobytes()
        pcm += bytes(2 * source.randrange(200, 800))
    return pcm[: round(16000 * seconds)]


def through(codec: Codec, pcm: bytes) -> bytes:
    return g711.decode(codec, g711.encode(codec, pcm))


@pytest.mark.parametrize(
    ("codec", "code", "sample"),
    [  # ITU-T G.711 tables 1a and 2a, in 16 bits
        (Codec.PCMU, 0x00, -32124),
        (Codec.PCMU, 0x80, 32124),
        (Codec.PCMU, 0xFF, 0),
        (Codec.PCMU, 0x7F, 0),
        (Codec.PCMU, 0xFE, 8),
        (Codec.PCMA, 0x2A, -32256),
        (Codec.PCMA, 0xAA, 32256),
        (Codec.PCMA, 0xD5, 8),
        (Codec.PCMA, 0x55, -8),
    ],
)
def test_codes_mean_what_the_recommendation_says(codec: Codec, code: int, sample: int) -> None:
    assert g711.samples_of(g711.decode(codec, bytes([code])))[0] == sample


@pytest.mark.parametrize("codec", list(Codec))
def test_every_sample_gets_its_nearest_code(codec: Codec) -> None:
    samples = array("h", range(-32768, 32768, 7))
    heard = g711.samples_of(through(codec, g711.pcm_of(samples)))
    known = sorted(set(g711.values(codec)))
    for sample, found in zip(samples, heard, strict=True):
        assert abs(found - sample) == min(abs(value - sample) for value in known) or sample == 0
    assert g711.encode(codec, bytes(2)) == bytes([codec.silence])


@pytest.mark.parametrize("codec", list(Codec))
def test_silence_consists_of_quiet_codes(codec: Codec) -> None:
    assert next(Silence().frames(codec)).translate(None, g711.quiet_codes(codec)) == b""
    loud = next(Tone(440).frames(codec)).translate(None, g711.quiet_codes(codec))
    assert len(loud) > 140


@pytest.mark.parametrize("frequency", [150.0, 440.0, 1004.0, 2600.0, 3400.0])
def test_a_tone_is_recognised_after_the_codec(frequency: float) -> None:
    heard = through(Codec.PCMA, tone(frequency, 1.0))
    assert dominant_frequency(heard) == pytest.approx(frequency, abs=1)
    assert tone_level(heard, frequency) == pytest.approx(0.3, abs=0.01)
    assert tone_level(heard, frequency + 80) < 0.01


def test_the_loudest_part_decides_the_frequency() -> None:
    assert dominant_frequency(bytes(40000) + tone(620, 1.0) + bytes(40000)) == pytest.approx(620, abs=2)


def test_silence_has_no_frequency() -> None:
    assert dominant_frequency(b"") == 0.0
    assert dominant_frequency(bytes(16000)) == 0.0
    assert tone_level(b"", 440) == 0.0
    assert rms(b"") == 0.0
    assert rms(tone(400, 1.0, 0.5)) == pytest.approx(0.5 / 2**0.5, abs=0.001)


def test_a_prompt_is_found_where_it_is() -> None:
    prompt = babble(1, 2.5)
    twice = through(Codec.PCMU, through(Codec.PCMA, prompt))
    recording = bytes(16000) + babble(2, 1.0) + twice + babble(3, 2.0)
    score, offset = similarity(recording, prompt)
    assert score > 0.95
    assert offset == pytest.approx(2.0, abs=0.001)


def test_other_sounds_are_not_the_prompt() -> None:
    prompt = babble(1, 2.0)
    for other in (babble(9, 6.0), tone(440, 4.0), bytes(64000), b""):
        assert similarity(other, prompt)[0] < 0.5


def test_half_of_a_prompt_scores_less_than_all_of_it() -> None:
    prompt = babble(4, 2.0)
    half = prompt[:16000]
    assert similarity(half, prompt)[0] < 0.9
    score, offset = similarity(half, half)
    assert score == pytest.approx(1.0)
    assert offset == 0.0


def test_a_reference_must_have_a_length() -> None:
    with pytest.raises(AudioFormatError):
        similarity(tone(440, 1.0), bytes(100))


def test_playback_ends_in_silence_or_begins_again() -> None:
    pcm = tone(500, 0.03)
    once = Playback(pcm).frames(Codec.PCMA)
    first, second, third = next(once), next(once), next(once)
    assert first == g711.encode(Codec.PCMA, pcm)[:160]
    assert second == g711.encode(Codec.PCMA, pcm)[160:] + bytes([0xD5]) * 80
    assert third == bytes([0xD5]) * 160
    again = Playback(pcm, loop=True).frames(Codec.PCMA)
    assert [next(again) for _ in range(3)] == [first, second, first]
    assert next(Playback(b"", loop=True).frames(Codec.PCMA)) == bytes([0xD5]) * 160


def test_wav_files_survive_both_ways(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", tone(440, 0.5))
    assert read_wav(tmp_path / "a.wav") == tone(440, 0.5)
    assert Playback.of_wav(tmp_path / "a.wav").pcm == tone(440, 0.5)


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"RIFFrubbish")
    with wave.open(str(tmp_path / "b.wav"), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(bytes(400))
    for name, words in (("a.wav", "not a WAV"), ("b.wav", "16000 Hz, 2 channels")):
        with pytest.raises(AudioFormatError, match=words):
            read_wav(tmp_path / name)
