"""Prompts with the real synthesiser and the real converter: what they sound like is measured, not assumed."""

from __future__ import annotations

import array
import asyncio
import math
import os
import stat
import sys
import wave
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from acd.adapters.prompts import ESPEAK, FORMATS, PromptError, PromptLibrary
from acd.adapters.spoken_values import prune
from acd.phone.g711 import Codec, decode
from ivr.model import PromptRef
from ivr.validate import load_flow

HOTLINE = Path(__file__).parents[4] / "config/ivr/hotline.yaml"
FRENCH = "Pour signaler un incident, tapez 1. Pour une demande, tapez 2."
ENGLISH = "To report an incident, press 1. For a request, press 2."


@dataclass(frozen=True)
class SpokenBy:
    voice: str
    words_per_minute: int


VOICES = {"fr": SpokenBy("fr-fr", 150), "en": SpokenBy("en-gb", 155)}


class Engine:
    """A synthesiser of this test's own, written in Python; counts how often it runs."""

    def __init__(self, folder: Path, body: str) -> None:
        self.log = folder / "runs.log"
        self.script = folder / "engine.py"
        head = f"import sys, wave, math, array, time, os\nopen({str(self.log)!r}, 'a').write('run\\n')\n"
        self.script.write_text(head + body, "utf-8")

    @property
    def runs(self) -> int:
        return len(self.log.read_text().splitlines()) if self.log.exists() else 0

    def command(self, *more: str) -> tuple[str, ...]:
        return (sys.executable, str(self.script), *more)


TONE = """
text = sys.stdin.read()
open(sys.argv[1] + '.txt', 'w').write(text)
out = wave.open(sys.argv[1], 'wb')
out.setnchannels(1); out.setsampwidth(2); out.setframerate(22050)
silence = [0] * 11025
tone = [int(9000 * math.sin(i / 5)) for i in range(22050)]
out.writeframes(array.array('h', silence + tone + silence).tobytes())
out.close()
"""


def _samples(path: str) -> array.array[int]:
    with wave.open(f"{path}.wav") as opened:
        assert (opened.getframerate(), opened.getnchannels(), opened.getsampwidth()) == (8000, 1, 2)
        return array.array("h", opened.readframes(opened.getnframes()))


def _bytes_of(path: str) -> bytes:
    return Path(path).read_bytes()


def _change_times(folder: Path) -> dict[Path, int]:
    return {file: file.stat().st_mtime_ns for file in folder.iterdir()}


def _level(samples: array.array[int]) -> float:
    """RMS in dB below full scale."""
    return 20 * math.log10(math.sqrt(sum(s * s for s in samples) / len(samples)) / 32768)


def _power_at(samples: array.array[int], frequency: float) -> float:
    """Goertzel: power of one frequency, 8 kHz samples."""
    turn = 2 * math.cos(2 * math.pi * frequency / 8000)
    before, now = 0.0, 0.0
    for sample in samples:
        before, now = now, sample + turn * now - before
    return before * before + now * now - turn * before * now


async def test_real_voices_are_fit_for_the_telephone(tmp_path: Path) -> None:
    library = PromptLibrary(tmp_path, voices=VOICES)
    levels = []
    for text, language in ((FRENCH, "fr"), (ENGLISH, "en")):
        samples = _samples(await library.render(text, language))
        assert 2.5 < len(samples) / 8000 < 9
        peak = max(map(abs, samples))
        assert 20000 < peak < 24000  # -3 dB: loud, and nothing is clipped
        assert sum(abs(s) == peak for s in samples) <= 2
        first = next(i for i, s in enumerate(samples) if abs(s) > 300)
        assert first < 8000 * 0.03  # sounds at once
        assert abs(samples[0]) < 300  # and without a click
        assert abs(samples[-1]) < 100
        low = sum(_power_at(samples, f) for f in range(20, 120, 5))
        voice = sum(_power_at(samples, f) for f in range(300, 1300, 50))
        high = sum(_power_at(samples, f) for f in range(3750, 4000, 12))
        assert low < voice / 100
        assert high < voice / 1000
        levels.append(_level(samples))
    assert all(-23 < level < -16 for level in levels)
    assert abs(levels[0] - levels[1]) < 2.5


async def test_french_is_spoken_by_the_french_voice(tmp_path: Path) -> None:
    library = PromptLibrary(tmp_path, voices={**VOICES, "xx": SpokenBy("en-gb", 150)})
    french = _samples(await library.render(FRENCH, "fr"))
    by_english_voice = _samples(await library.render(FRENCH, "xx"))
    again = _samples(await PromptLibrary(tmp_path / "b", voices=VOICES).render(FRENCH, "fr"))
    assert french == again
    assert abs(len(french) - len(by_english_voice)) > 8000 * 0.3


async def test_raw_files_hold_the_same_sound(tmp_path: Path) -> None:
    path = await PromptLibrary(tmp_path, voices=VOICES).render(FRENCH, "fr")
    samples = _samples(path)
    assert array.array("h", _bytes_of(f"{path}.sln")) == samples
    for kind, codec in (("alaw", Codec.PCMA), ("ulaw", Codec.PCMU)):
        decoded = array.array("h", decode(codec, _bytes_of(f"{path}.{kind}")))
        noise = array.array("h", (a - b for a, b in zip(samples, decoded, strict=True)))
        assert _level(noise) < _level(samples) - 30


async def test_files_can_be_read_by_asterisk_and_nothing_is_left_over(tmp_path: Path) -> None:
    cache = tmp_path / "deep" / "prompts"
    path = await PromptLibrary(cache, voices=VOICES).render(ENGLISH, "en")
    assert stat.S_IMODE(cache.stat().st_mode) == 0o755
    assert sorted(cache.iterdir()) == sorted(Path(f"{path}.{kind}") for kind in FORMATS)
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o644 for file in cache.iterdir())


async def test_the_hotline_is_prepared_whole_and_only_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flow, _ = load_flow(HOTLINE.read_bytes(), "hotline.yaml")
    library = PromptLibrary(tmp_path, voices=VOICES)
    found = await library.prepare(flow.prompts())
    assert set(found) == set(flow.prompts())
    assert len(set(found.values())) == len(found)
    for prompt, path in found.items():
        assert library.path_of(prompt, "xx") == path
        assert library.sounds_of([prompt, PromptRef("fr", "never prepared"), prompt]) == [path, path]
        assert library.path_of(prompt.text, prompt.language) == path
        assert 0.2 < len(_samples(path)) / 8000 < 12
    times = _change_times(tmp_path)
    monkeypatch.setenv("PATH", "")  # neither synthesiser nor converter can be found
    assert await PromptLibrary(tmp_path, voices=VOICES).prepare(flow.prompts()) == found
    assert _change_times(tmp_path) == times


async def test_a_text_is_synthesised_once_however_many_ask(tmp_path: Path) -> None:
    engine = Engine(tmp_path, TONE)
    library = PromptLibrary(tmp_path / "cache", voices=VOICES, engine=engine.command("{output}", "{voice}", "{wpm}"))
    paths = await asyncio.gather(*(library.render("Bonjour", "fr") for _ in range(12)))
    assert len(set(paths)) == 1
    assert engine.runs == 1
    samples = _samples(paths[0])
    assert 0.95 < len(samples) / 8000 < 1.3  # half a second of silence is gone at either end
    await library.render("Bonjour", "en")  # another voice is another sound
    await PromptLibrary(tmp_path / "cache", voices=VOICES, engine=engine.command("{output}", "{wpm}")).render(
        "Bonjour", "fr"
    )
    assert engine.runs == 3


def _damage(path: str) -> None:
    Path(f"{path}.alaw").unlink()
    Path(f"{path}.wav").write_bytes(b"")


async def test_an_incomplete_sound_is_made_again(tmp_path: Path) -> None:
    engine = Engine(tmp_path, TONE)
    library = PromptLibrary(tmp_path / "cache", voices=VOICES, engine=engine.command("{output}"))
    path = await library.render("Bonjour", "fr")
    _damage(path)
    assert await library.render("Bonjour", "fr") == path
    assert engine.runs == 2
    assert len(_samples(path)) > 7000


@pytest.mark.parametrize(
    "text",
    ["--help", "-w /tmp/x", "$(touch x) `id` ; rm -rf *", "{output} {voice}", "été « œuvre » — 5 €", "a\x00b\nc"],
)
async def test_a_text_is_only_ever_a_text(tmp_path: Path, text: str) -> None:
    echo = TONE + "open(os.path.join(os.path.dirname(sys.argv[0]), 'heard'), 'w').write(text)\n"
    engine = Engine(tmp_path, echo)
    await PromptLibrary(tmp_path / "cache", voices=VOICES, engine=engine.command("{output}")).render(text, "fr")
    heard = (tmp_path / "heard").read_text("utf-8")
    assert heard == " ".join(text.replace("\x00", " ").split()) + "\n"
    real = await PromptLibrary(tmp_path / "real", voices=VOICES).render(text, "fr")
    assert len(_samples(real)) > 800


async def test_an_engine_may_write_to_its_standard_output(tmp_path: Path) -> None:
    command = ("espeak-ng", "-v", "{voice}", "-s", "{wpm}", "--stdout", "--stdin")
    piped = _samples(await PromptLibrary(tmp_path / "a", voices=VOICES, engine=command).render(FRENCH, "fr"))
    filed = _samples(await PromptLibrary(tmp_path / "b", voices=VOICES).render(FRENCH, "fr"))
    assert abs(len(piped) - len(filed)) < 80


async def _failure(library: PromptLibrary, text: str = "Bonjour", language: str = "fr") -> str:
    with pytest.raises(PromptError) as caught:
        await library.render(text, language)
    return str(caught.value)


async def test_every_failure_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def library(*engine: str) -> PromptLibrary:
        return PromptLibrary(tmp_path / "cache", voices=VOICES, engine=engine)

    assert await _failure(library("no-such-engine", "{output}")) == (
        "`no-such-engine` is not installed: install it, or change prompts.engine"
    )
    assert await _failure(library(*ESPEAK), language="de") == "no voice is configured for `de` (prompts.voices)"
    assert (await _failure(library(*ESPEAK), text=" \n ")).endswith("and no text")
    assert "`false` failed with code 1" in await _failure(library("false", "{output}"))
    assert "wrote no sound" in await _failure(library("true", "{output}"))
    assert "`sox` failed with code" in await _failure(library("echo", "this is no sound"))
    silent = Engine(tmp_path, TONE.replace("9000", "0")).command("{output}")
    assert "gave no sound for a prompt of 7 characters" in await _failure(library(*silent))
    no_voice = PromptLibrary(tmp_path / "cache", voices={"fr": SpokenBy("zz", 150)})
    assert await _failure(no_voice) == (
        "`espeak-ng` failed with code 1: Error: The specified espeak-ng voice does not exist."
    )
    (tmp_path / "file").write_text("")
    blocked = PromptLibrary(tmp_path / "file" / "cache", voices=VOICES)
    assert "cannot keep prompts there" in await _failure(blocked)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert await _failure(library(*ESPEAK)) == "`espeak-ng` is not installed: install the package `espeak-ng`"
    tone = Engine(tmp_path, TONE).command("{output}")
    assert await _failure(library(*tone)) == "`sox` is not installed: install the package `sox`"
    assert list((tmp_path / "cache").iterdir()) == []


async def test_preparing_names_the_first_failure_and_keeps_what_was_made(tmp_path: Path) -> None:
    library = PromptLibrary(tmp_path, voices={"en": VOICES["en"]})
    prompts = [PromptRef("en", "Hello"), PromptRef("fr", "Un"), PromptRef("fr", "Deux")]
    with pytest.raises(PromptError, match=r"no voice is configured for `fr` .* \(1 more failed\)"):
        await library.prepare(prompts)
    assert library.path_of(prompts[0], "en")
    with pytest.raises(PromptError, match="a prompt in `fr` was not prepared"):
        library.path_of(prompts[1], "fr")


async def test_an_engine_that_hangs_is_killed_with_its_children(tmp_path: Path) -> None:
    hanging = Engine(
        tmp_path,
        "import subprocess\nchild = subprocess.Popen(['sleep', '600'])\n"
        f"open({str(tmp_path / 'child')!r}, 'w').write(str(child.pid))\ntime.sleep(600)\n",
    )
    library = PromptLibrary(
        tmp_path / "cache", voices=VOICES, engine=hanging.command("{output}"), deadline=timedelta(seconds=2)
    )
    assert "did not end within 2 s" in await _failure(library)
    assert await _is_gone(int((tmp_path / "child").read_text()))
    assert list((tmp_path / "cache").iterdir()) == []


async def test_cancelling_ends_the_engine(tmp_path: Path) -> None:
    hanging = Engine(tmp_path, f"open({str(tmp_path / 'me')!r}, 'w').write(str(os.getpid()) + '!')\ntime.sleep(600)\n")
    library = PromptLibrary(tmp_path / "cache", voices=VOICES, engine=hanging.command("{output}"))
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        task = group.create_task(library.render("Bonjour", "fr"))
        while not ((tmp_path / "me").exists() and (tmp_path / "me").read_text().endswith("!")):  # noqa: ASYNC110  (another process)
            await asyncio.sleep(0.01)
        task.cancel()
    assert task.cancelled()
    assert await _is_gone(int((tmp_path / "me").read_text().removesuffix("!")))


async def _is_gone(pid: int) -> bool:
    """Within five seconds. A killed orphan may stay a zombie where no init reaps it: it runs no more."""
    async with asyncio.timeout(5):
        while True:
            try:
                state = _bytes_of(f"/proc/{pid}/stat").rpartition(b")")[2].split()[0]
            except FileNotFoundError:
                return True
            if state == b"Z":
                return True
            await asyncio.sleep(0.01)


async def test_a_recording_wins_over_the_text(tmp_path: Path) -> None:
    engine = Engine(tmp_path, TONE)
    recordings = tmp_path / "recordings"
    (recordings / "fr" / "menus").mkdir(parents=True)
    made = await PromptLibrary(tmp_path / "a", voices=VOICES).render("Ceci est un enregistrement.", "fr")
    (recordings / "fr" / "menus" / "main.wav").write_bytes(_bytes_of(f"{made}.wav"))
    library = PromptLibrary(
        tmp_path / "cache", voices=VOICES, recordings_dir=recordings, engine=engine.command("{output}")
    )
    recorded = PromptRef("fr", "Un texte", "menus/main")
    fallen_back = PromptRef("en", "A text", "menus/main")
    found = await library.prepare([recorded, fallen_back])
    assert engine.runs == 1  # for English, which has no recording
    assert found[recorded] != found[fallen_back]
    assert abs(len(_samples(found[recorded])) - len(_samples(made))) < 800
    with pytest.raises(PromptError, match="there is no recording `menus/gone` for `fr` and no text"):
        await library.prepare([PromptRef("fr", "", "menus/gone")])


async def test_no_recording_outside_its_folder_is_read(tmp_path: Path) -> None:
    recordings = tmp_path / "recordings"
    recordings.mkdir()
    (tmp_path / "secret.wav").write_bytes(b"RIFF")
    (recordings / "linked.wav").symlink_to(tmp_path / "secret.wav")
    library = PromptLibrary(tmp_path / "cache", voices=VOICES, recordings_dir=recordings)
    for name in ("../secret", "linked"):
        with pytest.raises(PromptError, match="there is no recording"):
            await library.prepare([PromptRef("fr", "", name)])


async def test_a_recording_that_is_no_sound_is_named(tmp_path: Path) -> None:
    (tmp_path / "welcome.wav").write_bytes(b"this is no sound")
    library = PromptLibrary(tmp_path / "cache", voices=VOICES, recordings_dir=tmp_path)
    with pytest.raises(PromptError, match=r"welcome\.wav"):
        await library.prepare([PromptRef("fr", "", "welcome")])


# values spoken while a caller waits -------------------------------------------------------------------------------


def _with_value(words: str, without: str = "") -> PromptRef:
    pieces = (PromptRef("fr", "Il est"), PromptRef("fr", words, spoken_now=True))
    return PromptRef("fr", f"Il est {words}", pieces=pieces, without=PromptRef("fr", without) if without else None)


async def test_a_value_is_made_when_it_is_needed_and_once(tmp_path: Path) -> None:
    engine = Engine(tmp_path, TONE)
    library = PromptLibrary(tmp_path / "cache", voices=VOICES, engine=engine.command("{output}"))
    prompt = _with_value("midi")
    await library.prepare(prompt.pieces[:1])
    assert len(library.sounds_of([prompt])) == 1  # what there is, rather than nothing
    for _ in range(2):
        await library.speak([prompt], within=timedelta(seconds=30))
        assert len(library.sounds_of([prompt])) == 2
    assert engine.runs == 2


async def test_a_value_that_takes_too_long_is_said_another_way(tmp_path: Path) -> None:
    body = "text = sys.stdin.read()\nif 'midi' in text: time.sleep(60)\n" + TONE.split("\n", 2)[2]
    slow = Engine(tmp_path, body)
    library = PromptLibrary(tmp_path / "cache", voices=VOICES, engine=slow.command("{output}"))
    prompt = _with_value("midi", without="Bientôt")
    prepared = await library.prepare([*prompt.pieces[:1], PromptRef("fr", "Bientôt")])
    await library.speak([prompt], within=timedelta(seconds=0.3))
    assert library.sounds_of([prompt]) == [prepared[PromptRef("fr", "Bientôt")]]


async def test_an_engine_that_fails_leaves_the_value_out(tmp_path: Path) -> None:
    broken = Engine(tmp_path, "sys.exit(3 if 'midi' in sys.stdin.read() else 0)")
    library = PromptLibrary(tmp_path / "cache", voices=VOICES, engine=broken.command("{output}"))
    await library.speak([_with_value("midi"), _with_value("minuit")], within=timedelta(seconds=30))
    assert library.sounds_of([_with_value("midi")]) == []


# --- without a synthesiser ------------------------------------------------------------------------------------

STAND_INS = Path(__file__).parents[4] / "config/prompts"


@pytest.mark.parametrize("engine", [("no-such-synthesiser",), ("false",)], ids=["missing", "failing"])
async def test_a_recording_stands_in_for_what_cannot_be_made(tmp_path: Path, engine: tuple[str, ...]) -> None:
    library = PromptLibrary(tmp_path / "cache", voices=VOICES, engine=engine, stand_ins=STAND_INS)
    prompts = [PromptRef("fr", FRENCH), PromptRef("en", ENGLISH), PromptRef("fr", "Autre chose.")]
    await library.prepare_or_stand_in(prompts)
    assert library.trouble is not None
    assert engine[0] in library.trouble
    french, english, other = library.sounds_of(prompts)
    assert french == other != english
    for sound in (french, english):
        with wave.open(f"{sound}.wav") as said:
            assert (said.getframerate(), said.getnchannels(), said.getsampwidth()) == (8000, 1, 2)
            assert said.getnframes() > 8000
        assert stat.S_IMODE(Path(f"{sound}.wav").stat().st_mode) == 0o644  # noqa: ASYNC240


async def test_prompts_get_their_own_words_once_the_synthesiser_is_back(tmp_path: Path) -> None:
    """What was made before is not replaced, and what was replaced is made."""
    cache, prompts = tmp_path / "cache", [PromptRef("fr", FRENCH), PromptRef("en", ENGLISH)]
    before = PromptLibrary(cache, voices=VOICES)
    kept = await before.render(FRENCH, "fr")
    library = PromptLibrary(cache, voices=VOICES, stand_ins=STAND_INS)
    real, library._engine = library._engine, ("no-such-synthesiser", *ESPEAK[1:])
    await library.prepare_or_stand_in(prompts)
    assert library.troubles()
    library._engine = real
    await library.prepare_or_stand_in(prompts)
    assert library.troubles() == []
    french, english = library.sounds_of(prompts)
    assert french == kept
    assert "stand-in" not in english


async def test_a_language_without_a_recording_is_an_error(tmp_path: Path) -> None:
    library = PromptLibrary(tmp_path, voices=VOICES, engine=("no-such-synthesiser",), stand_ins=tmp_path / "nothing")
    with pytest.raises(PromptError, match="no-such-synthesiser"):
        await library.prepare_or_stand_in([PromptRef("fr", FRENCH)])


async def test_values_on_disk_are_bounded_and_made_again(tmp_path: Path) -> None:
    library = PromptLibrary(tmp_path, voices=VOICES, most_kept=2)
    prompts = [_with_value(words) for words in ("midi", "minuit", "une heure", "deux heures")]
    await library.speak(prompts, within=timedelta(seconds=60))
    values = tmp_path / "values"
    wavs = sorted(values.glob("*.wav"), key=lambda path: path.name)
    assert len(wavs) == 4
    for age, path in enumerate(wavs):
        os.utime(path, (1_000_000 - age, 1_000_000 - age))
    assert prune(values, 2, keep={str(wavs[3].with_suffix(""))}) == 1  # the oldest is in use
    assert sorted(path.name for path in values.glob("*.wav")) == [wavs[0].name, wavs[1].name, wavs[3].name]
    assert not list(values.glob(f"{wavs[2].stem}.*"))
    await library.speak(prompts, within=timedelta(seconds=60))  # another process deleted one: it is there again
    assert len(list(values.glob("*.wav"))) == 4
    assert min(path.stat().st_mtime for path in values.glob("*.wav")) > 1_000_000  # all count as used now
    assert prune(tmp_path / "nowhere", 1) == 0
