"""Real adapters as the site's settings want them: prompts, the desk, Asterisk's address, the hotline's stores."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

import structlog

from acd.adapters.asterisk.ami import AmiAddress
from acd.adapters.asterisk.local import APOLOGY
from acd.adapters.desk import TicketingDesk
from acd.adapters.prompts import PromptError, PromptLibrary
from acd.secrets import Secrets
from acd.service.hotline import Hotline
from acd.shipped import shipped_config
from acd.site import Site
from ticketing import api as ticketing

log = structlog.get_logger(__name__)


def prompts_of(site: Site) -> PromptLibrary:
    settings = site.settings.prompts
    return PromptLibrary(
        site.settings.cache_dir / "prompts",
        voices=settings.voices,
        recordings_dir=settings.recordings,
        engine=settings.engine,
        stand_ins=shipped_config() / "prompts",
    )


async def prepared_prompts(site: Site) -> PromptLibrary:
    """No caller waits for synthesis: everything a flow can say is there before the first call."""
    prompts = prompts_of(site)
    await prompts.prepare_or_stand_in(site.prompts())
    for name, sentences in (("apology", site.settings.prompts.apology), ("busy", site.settings.prompts.busy)):
        for language, text in sentences.items():
            place = (site.settings.data_dir / APOLOGY).with_name(name)
            try:
                sound = Path(f"{await prompts.render(text, language)}.wav")
            except PromptError as error:
                log.warning("sentence_not_made", sentence=name, error=str(error))  # Asterisk has words of its own
                continue
            await asyncio.to_thread(_put_apology, sound, place, language)
    return prompts


def _put_apology(sound: Path, path: Path, language: str) -> None:
    """Where the dialplan looks for it, in the language of the channel, when no service is there to say a word."""
    target = path.parent / language / f"{path.name}.wav"
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(sound, target)


def ami_address(site: Site, secrets: Secrets) -> AmiAddress:
    ami = site.settings.asterisk.ami
    return AmiAddress(host=ami.host, port=ami.port, username=ami.username, secret=secrets.ami_secret)


def call_desk(site: Callable[[], Site], desk: ticketing.Desk) -> TicketingDesk:
    """`site`: the present one, whose queues have names for people."""
    settings = site().settings
    extensions = frozenset(settings.asterisk.agent_phones.extensions)

    def label(name: str) -> str:
        queues = site().settings.queues
        return queues[name].label if name in queues else name

    return TicketingDesk(
        desk,
        region=settings.service.region,
        is_internal=extensions.__contains__,
        queue_label=label,
    )


def hotline_stores(database: ticketing.Database) -> Hotline:
    return Hotline(
        incidents=ticketing.SqlMajorIncidents(database),
        surveys=ticketing.SqlSurveys(database),
        pins=ticketing.SqlContactPins(database),
        requests=ticketing.SqlServiceRequests(database),
    )
