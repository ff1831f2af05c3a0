"""What agents have typed about a call so far."""

from __future__ import annotations

from acd.domain import commands as cmd
from acd.domain.agent import Draft
from acd.domain.ids import CallId
from acd.web import agents
from acd.web.endpoint import AGENTS, Exchange, Input, endpoint
from acd.web.fields import CallIdText, Code, Line, Note, TicketNumberText


class DraftInput(Input, frozen=True, kw_only=True):
    """As the word on the call, but not yet said. If the time for the wrap-up runs out, it counts as said."""

    call_id: CallIdText
    code: Code = ""
    note: Note = ""
    title: Line = ""
    link_to: TicketNumberText | None = None
    new_ticket: bool = False


@endpoint(
    "PUT",
    "/api/v1/agents/me/draft",
    summary="Keep what is typed about the call so far, over a reload of the page and a restart of the service",
    body=DraftInput,
    answer=None,
    access=AGENTS,
    errors={409: "The agent has no such call (any more)"},
)
async def keep_draft(exchange: Exchange[DraftInput]) -> None:
    typed = exchange.body
    draft = Draft(
        code=typed.code,
        note=typed.note,
        title=typed.title,
        link_to=typed.link_to,
        new_ticket=typed.new_ticket,
    )
    agents.be_logged_in(exchange.services, exchange.session)
    exchange.services.dispatcher.order(
        cmd.KeepDraft(agent_id=exchange.session.agent_id, call_id=CallId(typed.call_id), draft=draft)
    )


ENDPOINTS = (keep_draft,)
