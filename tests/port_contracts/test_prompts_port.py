"""The contract of Prompts: the fake, and the library of synthesised prompts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from acd.adapters.prompts import PromptLibrary
from acd.service.ports import Prompts
from acd.settings import VoiceSettings
from ivr.model import PromptRef
from tests.fakes.ports import FakePrompts

HELLO = PromptRef("en", text="Hello.")
BYE = PromptRef("en", text="Goodbye.")
SALUT = PromptRef("fr", text="Bonjour.")
SECRET = PromptRef("en", text="Your code is 4242.")  # never prepared
UNKNOWN = PromptRef("en", recording="no-such-recording")
NOTHING = PromptRef("en")
PREPARED = (HELLO, BYE, SALUT)


class World(ABC):
    prompts: Prompts

    @abstractmethod
    def can_be_played(self, sound: str) -> bool: ...


class FakeWorld(World):
    def __init__(self) -> None:
        self.prompts = FakePrompts(without_sound={SECRET, UNKNOWN, PromptRef("xx", "21", spoken_now=True)})

    def can_be_played(self, sound: str) -> bool:
        return bool(sound)


class RealWorld(World):
    def __init__(self, library: PromptLibrary) -> None:
        self.prompts = library

    def can_be_played(self, sound: str) -> bool:
        """As Asterisk does: an absolute path without extension, beside which there are files of known formats."""
        path = Path(sound)
        return path.is_absolute() and not path.suffix and path.with_suffix(".wav").is_file()


@pytest.fixture(scope="module")
def prompt_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Kept for the module: each prompt is synthesised once."""
    return tmp_path_factory.mktemp("prompts")


@pytest.fixture(params=["fake", "library"])
async def world(request: pytest.FixtureRequest, prompt_folder: Path) -> World:
    if request.param == "fake":
        return FakeWorld()
    voices = {
        "fr": VoiceSettings(voice="fr", words_per_minute=170),
        "en": VoiceSettings(voice="en-gb", words_per_minute=170),
    }
    library = PromptLibrary(prompt_folder, voices=voices)
    await library.prepare(PREPARED)
    return RealWorld(library)


async def test_sounds_come_in_the_order_of_the_prompts(world: World) -> None:
    hello, bye, salut = (world.prompts.sounds_of([prompt])[0] for prompt in PREPARED)
    assert len({hello, bye, salut}) == 3
    assert world.prompts.sounds_of([BYE, SALUT, HELLO, BYE]) == [bye, salut, hello, bye]
    assert world.prompts.sounds_of((HELLO, BYE)) == [hello, bye]


async def test_every_sound_can_be_played(world: World) -> None:
    assert all(world.can_be_played(sound) for sound in world.prompts.sounds_of(PREPARED))


async def test_values_are_made_on_demand_and_played_in_their_place(world: World) -> None:
    value = PromptRef("en", "twenty-one", spoken_now=True)
    sentence = PromptRef("en", "Hello. twenty-one Goodbye.", pieces=(HELLO, value, BYE))
    await world.prompts.speak([sentence, HELLO], within=timedelta(seconds=30))
    hello, spoken, bye = world.prompts.sounds_of([sentence])
    assert [hello, bye] == world.prompts.sounds_of([HELLO, BYE])
    assert world.can_be_played(spoken)


async def test_a_value_that_has_no_sound_is_said_without(world: World) -> None:
    value = PromptRef("xx", "21", spoken_now=True)  # a language without a voice
    sentence = PromptRef("en", "Hello. 21", pieces=(HELLO, value), without=BYE)
    await world.prompts.speak([sentence], within=timedelta(seconds=30))
    assert world.prompts.sounds_of([sentence]) == world.prompts.sounds_of([BYE])
    without = PromptRef("en", "Hello. 21", pieces=(HELLO, value))
    assert world.prompts.sounds_of([without]) == world.prompts.sounds_of([HELLO])


async def test_no_prompts_have_no_sounds(world: World) -> None:
    assert world.prompts.sounds_of([]) == []


@pytest.mark.parametrize("missing", [SECRET, UNKNOWN, NOTHING], ids=["unprepared", "unrecorded", "empty"])
async def test_a_prompt_without_sound_is_left_out_and_logged_without_its_words(
    world: World, missing: PromptRef, caplog: pytest.LogCaptureFixture
) -> None:
    around = world.prompts.sounds_of([HELLO]) + world.prompts.sounds_of([BYE])
    assert not caplog.records
    assert world.prompts.sounds_of([HELLO, missing, BYE]) == around
    (record,) = caplog.records
    assert record.levelname == "ERROR"
    assert "prompt_without_sound" in record.getMessage()
    assert "4242" not in record.getMessage()


async def test_prompts_that_have_no_sound_at_all_leave_an_empty_list(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    sounds: Sequence[str] = world.prompts.sounds_of([SECRET, UNKNOWN])
    assert sounds == []
    assert len(caplog.records) == 2
