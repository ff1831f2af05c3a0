"""Prompts as sound files: synthesised or recorded, made fit for the telephone once, kept by content.

    library = PromptLibrary(cache_dir, voices={"fr": ..., "en": ...})
    await library.prepare(flow.prompts())        # at start and reload: no caller waits for synthesis
    library.sounds_of(step.prompts)              # on a call: paths without extension, for STREAM FILE

Every prompt is kept as 16-bit WAV and as G.711 A-law, G.711 µ-law and signed linear, 8 kHz mono, raw: Asterisk
takes the file of the channel's own codec and transcodes nothing. Names are digests of all that shapes the sound,
so a second run synthesises nothing and several processes may share a folder.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import signal
import tempfile
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Final, Protocol, TypeVar

import structlog

from acd.adapters.spoken_values import MOST_KEPT, PRUNE_EVERY, prune, still_there
from acd.service.ports import Prompts, PromptsError
from ivr.model import PromptRef

ESPEAK: Final = ("espeak-ng", "-v", "{voice}", "-s", "{wpm}", "-w", "{output}", "--stdin")

FORMATS: Final = ("alaw", "ulaw", "sln", "wav")  # the last one written says that all are there
_RECORDED: Final = ("wav", "flac", "ogg", "aiff")  # what recordings may be; sox reads them

# To the telephone: band 200-3500 Hz, loud and quiet voices brought within about 1 dB of each other, peak -3 dB so
# that G.711 never clips, silence cut off both ends so that the first sample sounds at once, edges faded against
# clicks, a short breath behind so that prompts may follow each other.
_EFFECTS: Final = (
    *("gain", "-6", "remix", "-", "rate", "-v", "8000", "sinc", "200-3500", "gain", "-n", "-3"),
    *("compand", "0.003,0.08", "6:-60,-60,-30,-20,-12,-12,0,-7", "0", "-20", "0.003", "gain", "-n", "-3"),
    *("silence", "1", "0.005", "0.3%", "fade", "t", "0.004", "reverse"),
    *("silence", "1", "0.005", "0.3%", "fade", "t", "0.012", "reverse", "pad", "0", "0.12"),
)
_CHAIN: Final = hashlib.sha256("\0".join((*_EFFECTS, *FORMATS)).encode()).hexdigest()
_SHORTEST: Final = 44 + 2 * (960 + 400)  # bytes of WAV: the breath behind and 50 ms of sound
_PACKAGES: Final = {"sox": "sox", "espeak-ng": "espeak-ng", "flite": "flite"}  # command -> Debian package


MOST_SPOKEN: Final = 2000  # values remembered; times, dates and durations are few, and made again in a moment

LanguageT = TypeVar("LanguageT", bound=str)  # a Mapping of literals is no Mapping of str

log = structlog.get_logger(__name__)


class PromptError(PromptsError):
    """A prompt cannot be made or found; the text says which command or file, and what to do about it."""


class Voice(Protocol):
    """How one language is spoken; `acd.settings.VoiceSettings` is one."""

    @property
    def voice(self) -> str: ...

    @property
    def words_per_minute(self) -> int: ...


class PromptLibrary(Prompts):
    """All prompts of an installation.

    `engine` is the synthesiser's command: `{voice}` and `{wpm}` are filled in, `{output}` is the WAV file to write
    (without it, WAV is read from its standard output). The text comes on standard input, so nothing in it is ever
    an option or a shell word. `recordings_dir` holds recordings as `<language>/<name>.wav` or `<name>.wav`; a
    recording wins over a text. The folder must be reachable for Asterisk; the files are readable for everyone.
    """

    def __init__(
        self,
        cache_dir: Path,
        *,
        voices: Mapping[LanguageT, Voice],
        recordings_dir: Path | None = None,
        engine: Sequence[str] = ESPEAK,
        deadline: timedelta = timedelta(seconds=30),
        at_once: int = 2,
        stand_ins: Path | None = None,
        most_kept: int = MOST_KEPT,
    ) -> None:
        self._cache_dir = cache_dir.absolute()
        self._values_dir = self._cache_dir / "values"
        self._most_kept = most_kept
        self._made = 0  # values, for the next look at their folder
        self._recordings_dir = recordings_dir
        self._voices: dict[str, Voice] = {str(language): voice for language, voice in voices.items()}
        self._engine = tuple(engine)
        self._stand_ins = stand_ins
        self._deadline = deadline
        self.trouble: str | None = None  # why prompts are replaced by the recorded stand-in
        self._slots = asyncio.Semaphore(at_once)
        self._making: dict[str, asyncio.Lock] = {}
        self._paths: dict[PromptRef, str] = {}
        self._spoken: OrderedDict[PromptRef, str] = OrderedDict()  # values, the longest unused first
        self._speaking = asyncio.Semaphore(at_once)  # a caller waits: not behind all the prompts of a reload

    def sounds_of(self, prompts: Sequence[PromptRef]) -> list[str]:
        """Sound paths without extension, from memory. A prompt that was not prepared is left out and logged."""
        sounds: list[str] = []
        for prompt in prompts:
            if prompt.pieces:
                sounds += self._whole_or_without(prompt)
                continue
            path = self._paths.get(prompt)
            if path is not None:
                sounds.append(path)
            else:
                log.error("prompt_without_sound", language=prompt.language, recording=prompt.recording or None)
        return sounds

    def _whole_or_without(self, prompt: PromptRef) -> list[str]:
        there = [path for piece in prompt.pieces if (path := self._paths.get(piece) or self._spoken.get(piece))]
        if len(there) == len(prompt.pieces):
            return there
        log.warning("value_without_sound", language=prompt.language, missing=len(prompt.pieces) - len(there))
        without = self._paths.get(prompt.without) if prompt.without is not None else None
        return there if without is None else [without]

    async def speak(self, prompts: Sequence[PromptRef], *, within: timedelta) -> None:
        wanted = dict.fromkeys(piece for prompt in prompts for piece in prompt.pieces if piece.spoken_now)
        known = {piece: self._spoken[piece] for piece in wanted if piece in self._spoken}
        if known:
            there = frozenset(await asyncio.to_thread(still_there, known.values()))
            known = {piece: path for piece, path in known.items() if path in there}
        for piece in known:
            self._spoken.move_to_end(piece)
        missing = [piece for piece in wanted if piece not in known]
        if not missing:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(within.total_seconds()), asyncio.TaskGroup() as group:
                for piece in missing:
                    group.create_task(self._speak_one(piece))

    async def _speak_one(self, piece: PromptRef) -> None:
        try:
            self._spoken[piece] = await self._sound_of(piece, self._speaking, self._values_dir)
        except PromptError as error:
            log.warning("value_not_spoken", language=piece.language, error=str(error))
            return
        while len(self._spoken) > MOST_SPOKEN:
            self._spoken.popitem(last=False)
        self._made += 1
        if self._made % PRUNE_EVERY == 0:
            await asyncio.to_thread(prune, self._values_dir, self._most_kept, frozenset(self._spoken.values()))

    def path_of(self, prompt: object, language: str) -> str:
        """The sound of a prompt that was prepared or rendered: a PromptRef (its own language counts) or a text.

        Answers from memory, without touching the disk. Raises PromptError for any other prompt.
        """
        ref = prompt if isinstance(prompt, PromptRef) else PromptRef(language, str(prompt))
        try:
            return self._paths[ref]
        except KeyError:
            raise PromptError(f"a prompt in `{ref.language}` was not prepared") from None

    async def prepare(self, prompts: Iterable[PromptRef]) -> Mapping[PromptRef, str]:
        """Make the sounds of all `prompts` that are not there yet; returns the path of each.

        Raises PromptError (the first one, with the number of others) when any cannot be made; what was made stays.
        """
        found: dict[PromptRef, str] = {}
        failures: list[PromptError] = []

        async def one(ref: PromptRef) -> None:
            if len(failures) >= 3:  # a missing command fails for every prompt alike
                return
            try:
                found[ref] = await self._sound_of(ref)
            except PromptError as error:
                failures.append(error)

        async with asyncio.TaskGroup() as group:
            for ref in dict.fromkeys(prompts):
                group.create_task(one(ref))
        self._paths.update(found)
        if failures:
            others = f" ({len(failures) - 1} more failed)" if len(failures) > 1 else ""
            raise PromptError(f"{failures[0]}{others}")
        return found

    async def prepare_or_stand_in(self, prompts: Iterable[PromptRef]) -> None:
        """As `prepare`, but what cannot be made is replaced by the recording that is shipped for its language, so that
        a caller hears to hold the line and reaches a person. `trouble` says so. Raises PromptError only for a language
        without such a recording."""
        wanted = tuple(prompts)
        try:
            await self.prepare(wanted)
        except PromptError as error:
            self.trouble = f"prompts are replaced by a recording: {error}"
            log.warning("prompts_replaced", error=str(error))
            for ref in wanted:
                if ref not in self._paths and not ref.pieces:
                    self._paths[ref] = await asyncio.to_thread(self._stand_in, ref.language, error)
        else:
            self.trouble = None

    def troubles(self) -> list[str]:
        return [] if self.trouble is None else [self.trouble]

    def _stand_in(self, language: str, error: PromptError) -> str:
        """Beside the other prompts, where Asterisk finds it: a WAV of 8 kHz, which needs no tool to be played."""
        source = None if self._stand_ins is None else self._stand_ins / language / "stand-in.wav"
        if source is None or not source.is_file():
            raise error
        path = self._cache_dir / f"stand-in-{language}"
        try:
            self._cache_dir.mkdir(parents=True, exist_ok=True)
            self._cache_dir.chmod(0o755)
            copy = path.with_suffix(".wav")
            if not copy.is_file():
                shutil.copyfile(source, copy)
                copy.chmod(0o644)
        except OSError as failure:
            raise PromptError(f"{self._cache_dir}: cannot keep prompts there: {failure.strerror}") from failure
        return str(path)

    async def render(self, text: str, language: str) -> str:
        """The sound of `text`, synthesised unless it was before; path without extension. Raises PromptError."""
        ref = PromptRef(language, text)
        path = self._paths[ref] = await self._sound_of(ref)
        return path

    # --- one prompt -----------------------------------------------------------------------------------------

    async def _sound_of(
        self, ref: PromptRef, slots: asyncio.Semaphore | None = None, folder: Path | None = None
    ) -> str:
        async with slots or self._slots:
            recording = await asyncio.to_thread(self._recording, ref)
            if recording is not None:
                key = await asyncio.to_thread(_digest_of_file, recording)
                return await self._kept(self._cache_dir / key, recording, ref)
            text = " ".join("".join(c if c.isprintable() else " " for c in ref.text).split())
            if not text:
                raise PromptError(f"there is no recording `{ref.recording}` for `{ref.language}` and no text")
            voice = self._voices.get(ref.language)
            if voice is None:
                raise PromptError(f"no voice is configured for `{ref.language}` (prompts.voices)")
            command = tuple(
                word.replace("{voice}", voice.voice).replace("{wpm}", str(voice.words_per_minute))
                for word in self._engine
            )
            key = hashlib.sha256("\0".join((_CHAIN, *command, text)).encode()).hexdigest()
            return await self._kept((folder or self._cache_dir) / key, None, PromptRef(ref.language, text), command)

    async def _kept(self, path: Path, recording: Path | None, ref: PromptRef, command: Sequence[str] = ()) -> str:
        key = str(path)
        lock = self._making.setdefault(key, asyncio.Lock())
        try:
            async with lock:
                if not await asyncio.to_thread(_is_complete, path):
                    await self._make(path, recording, ref.text, command)
        finally:
            self._making.pop(key, None)
        return str(path)

    async def _make(self, path: Path, recording: Path | None, text: str, command: Sequence[str]) -> None:
        try:
            work = await asyncio.to_thread(self._work_dir)
        except OSError as error:
            raise PromptError(f"{self._cache_dir}: cannot keep prompts there: {error.strerror}") from error
        with work as folder:
            raw = recording or Path(folder) / "raw.wav"
            if recording is None:
                await self._synthesise(raw, text, command)
            wav = Path(folder) / "prompt.wav"
            await self._sox(raw, wav, *_EFFECTS, piped="{output}" not in "".join(command) and recording is None)
            if await asyncio.to_thread(_size, wav) < _SHORTEST:
                source = command[0] if command else str(recording)
                raise PromptError(f"{source}: gave no sound for a prompt of {len(text)} characters")
            for kind, sox_kind in (("alaw", "al"), ("ulaw", "ul"), ("sln", "s16")):
                await self._sox(wav, wav.with_suffix(f".{kind}"), kind=sox_kind)
            try:
                await asyncio.to_thread(_publish, wav, path)
            except OSError as error:
                raise PromptError(f"{path}: cannot be written: {error.strerror}") from error

    def _work_dir(self) -> tempfile.TemporaryDirectory[str]:
        self._cache_dir.mkdir(parents=True, exist_ok=True)
        self._cache_dir.chmod(0o755)
        # On the same file system as the result, so that publishing is a rename.
        return tempfile.TemporaryDirectory(prefix=".making-", dir=self._cache_dir, ignore_cleanup_errors=True)

    def _recording(self, ref: PromptRef) -> Path | None:
        if not ref.recording or self._recordings_dir is None:
            return None
        root = self._recordings_dir.resolve()
        for stem in (root / ref.language / ref.recording, root / ref.recording):
            for kind in _RECORDED:
                candidate = stem.with_name(f"{stem.name}.{kind}")
                if candidate.is_file() and candidate.resolve().is_relative_to(root):
                    return candidate
        return None

    # --- commands -------------------------------------------------------------------------------------------

    async def _synthesise(self, raw: Path, text: str, command: Sequence[str]) -> None:
        argv = [word.replace("{output}", str(raw)) for word in command]
        output = await self._run(argv, f"{text}\n".encode())
        if "{output}" not in "".join(command):
            await asyncio.to_thread(raw.write_bytes, output)
        elif await asyncio.to_thread(_size, raw) == 0:
            raise PromptError(f"`{argv[0]}` ended well but wrote no sound; check prompts.engine")

    async def _sox(self, source: Path, target: Path, *effects: str, kind: str = "wav", piped: bool = False) -> None:
        # A WAV that came through a pipe cannot know its length.
        known = ("--ignore-length",) if piped else ()
        form = ("-t", kind, "-r", "8000", "-c", "1", *(("-b", "16") if kind == "wav" else ()))
        await self._run(["sox", "-D", "-V1", *known, str(source), *form, str(target), *effects], b"")

    async def _run(self, argv: Sequence[str], given: bytes) -> bytes:
        """Standard output of a command; it is killed at the deadline or when this task is cancelled."""
        name = argv[0] if argv else ""
        try:
            process = await asyncio.create_subprocess_exec(
                *argv,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                start_new_session=True,
            )
        except (OSError, ValueError, TypeError) as error:
            missing = isinstance(error, FileNotFoundError)
            said = "is not installed" if missing else f"cannot be started ({error})"
            raise PromptError(f"`{name}` {said}: {_advice(name)}") from error
        try:
            async with asyncio.timeout(self._deadline.total_seconds()):
                output, complaint = await process.communicate(given)
        except TimeoutError:
            seconds = f"{self._deadline.total_seconds():g}"
            raise PromptError(f"`{name}` did not end within {seconds} s; check prompts.engine") from None
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)  # an engine may be a script with children
                await process.wait()
        if process.returncode != 0:
            last = complaint.decode("utf-8", "replace").strip().splitlines()[-1:] or ["it said nothing"]
            raise PromptError(f"`{name}` failed with code {process.returncode}: {last[0][:200]}")
        return output


def _advice(command: str) -> str:
    package = _PACKAGES.get(Path(command).name)
    return f"install the package `{package}`" if package else "install it, or change prompts.engine"


def _digest_of_file(path: Path) -> str:
    try:
        return hashlib.sha256(_CHAIN.encode() + path.read_bytes()).hexdigest()
    except OSError as error:
        raise PromptError(f"{path}: cannot be read: {error.strerror}") from error


def _is_complete(path: Path) -> bool:
    return _size(path.with_suffix(".wav")) >= _SHORTEST and all(
        _size(path.with_suffix(f".{kind}")) > 0 for kind in FORMATS
    )


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _publish(wav: Path, path: Path) -> None:
    if not path.parent.exists():
        path.parent.mkdir(exist_ok=True)
        path.parent.chmod(0o755)  # Asterisk may be another user
    for kind in FORMATS:
        made = wav.with_suffix(f".{kind}")
        made.chmod(0o644)
        made.replace(path.with_suffix(f".{kind}"))
