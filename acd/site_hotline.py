"""Surveys and the catalogue of a site: what the settings say of them, checked against its menus."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta

from acd.hotline_settings import SurveySettings
from acd.service.catalogue import CatalogueItem
from acd.service.survey_desk import SurveyPlan
from acd.settings import Settings
from ivr.errors import Problem, did_you_mean
from ivr.nodes import CallFlow, MakeRequest, Queue, Return, TransferCall
from ivr.schema import Flow


def surveys_named(settings: Settings) -> Iterator[tuple[str, SurveySettings]]:
    """Each with where the settings say so."""
    for name, queue in settings.queues.items():
        if queue.survey is not None:
            yield f"queues.{name}.survey.flow", queue.survey
    for number, entry in settings.numbers.items():
        if entry.survey is not None:
            yield f"numbers.{number}.survey.flow", entry.survey


def survey_plan(settings: Settings, flows: Mapping[str, Flow], queue: str, called_number: str) -> SurveyPlan | None:
    """The number's word goes before the queue's."""
    number, waited_in = settings.numbers.get(called_number), settings.queues.get(queue)
    said = number.survey if number else None
    if said is None and waited_in is not None:
        said = waited_in.survey
    flow = flows.get(said.flow) if said else None
    if said is None or flow is None:
        return None
    not_again_within = timedelta(days=settings.surveys.not_again_within_days)
    return SurveyPlan(flow=flow, share=said.share, not_again_within=not_again_within)


def catalogue_of(settings: Settings) -> dict[str, CatalogueItem]:
    return {
        name: CatalogueItem(
            name=name,
            label=item.label,
            title=item.title or item.label,
            queue=item.queue,
            service=item.service,
            fields=item.fields,
        )
        for name, item in settings.catalogue.items()
    }


def check_hotline(settings: Settings, flows: Mapping[str, Flow], in_use: Iterable[str]) -> Iterator[Problem]:
    """Of the catalogue what menus in use ask for."""
    for at, survey in surveys_named(settings):
        flow = flows.get(survey.flow)
        message = ""
        if flow is None:
            message = f"there is no flow `{survey.flow}`{did_you_mean(survey.flow, flows)}"
        elif leads := _leads_on(flow):
            message = f"the flow `{survey.flow}` leads on ({leads}): after the talk there is nobody to go to"
        if message:
            yield Problem("settings", 0, 0, at, message)
    nodes = [node for name in in_use if name in flows for node in flows[name].nodes.values()]
    asked_for = {node.item for node in nodes if isinstance(node, MakeRequest)}
    for name, item in settings.catalogue.items():
        if name in asked_for and item.queue and item.queue not in settings.queues:
            message = f"unknown queue `{item.queue}`{did_you_mean(item.queue, settings.queues)}"
            yield Problem("settings", 0, 0, f"catalogue.{name}.queue", message)


def _leads_on(flow: Flow) -> str:
    """The first node by which a survey would not end the call; nothing if all is well."""
    for name, node in flow.nodes.items():
        if isinstance(node, Queue | Return | TransferCall | CallFlow):
            return name
    return ""
