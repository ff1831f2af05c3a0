"""Prometheus metrics of one app, in a registry of its own. What screens know is read when it is asked for.

Labels are queues, states and routes: never a call, a number or a name.
"""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from acd.domain import events as ev
from acd.domain.agent import AgentState
from acd.service.ivr_figures import IvrFigures
from acd.service.screens import Screens
from acd.service.views import QueueView

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_WAIT_BUCKETS: Final = (0.05, 0.25, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600, 1800)
_REQUEST_BUCKETS: Final = (0.001, 0.005, 0.02, 0.1, 0.5, 2, 10)

_Figure = Callable[[QueueView], float | None]


class Metrics:
    """Register more on `registry`. `hear` is a listener of the dispatcher."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.answer_wait_seconds = Histogram(
            "guichet_answer_wait_seconds",
            "Time from entering the queue to the beginning of the talk",
            ["queue"],
            buckets=_WAIT_BUCKETS,
            registry=self.registry,
        )
        self.reservations = Counter(
            "guichet_reservations",
            "Calls offered to an agent, by what became of the offer",
            ["outcome"],
            registry=self.registry,
        )
        self.tickets = Counter(
            "guichet_tickets_committed",
            "Tickets opened or linked at the end of a call",
            ["to_qualify"],
            registry=self.registry,
        )
        self.survey_answers = Counter(
            "guichet_survey_answers",
            "What callers said after the talk, by measure (csat, nps, resolved, comment) and value",
            ["measure", "value"],
            registry=self.registry,
        )
        self.deflected = Counter(
            "guichet_calls_deflected",
            "Callers who heard of a major incident and will be told when it is over",
            registry=self.registry,
        )
        self.request_seconds = Histogram(
            "guichet_http_request_seconds",
            "Time to answer an HTTP request",
            ["route", "method", "status"],
            buckets=_REQUEST_BUCKETS,
            registry=self.registry,
        )
        self.screens_connected = Gauge("guichet_screens_connected", "Open WebSockets", ["feed"], registry=self.registry)
        self.screens_cut = Counter(
            "guichet_screens_cut", "WebSockets ended by the service", ["feed"], registry=self.registry
        )

    def watch(self, screens: Screens) -> None:
        """Have queues and agents as `screens` sees them in every scrape."""
        self.registry.register(_ScreensCollector(screens))

    def watch_menus(self, figures: IvrFigures) -> None:
        """Have what callers do in menus in every scrape."""
        self.registry.register(_MenusCollector(figures))

    def watch_desk(self, pending: Callable[[], float], set_aside: Callable[[], float]) -> None:
        """How many records wait for the desk, and how many it would not take."""
        for name, text, value in (
            ("guichet_desk_pending", "Interactions and tickets not yet written", pending),
            ("guichet_desk_set_aside", "Records the desk would not take; see the log", set_aside),
        ):
            Gauge(name, text, registry=self.registry).set_function(value)

    def watch_journal(self, figures: Callable[[], Mapping[str, float]]) -> None:
        """How the journal is written."""
        self.registry.register(_JournalCollector(figures))

    def watch_clock(self, behind: Callable[[], float]) -> None:
        """How far the machine's clock is ahead of the service's, which works off its steps."""
        text = "Seconds by which the machine's clock is ahead of the service's"
        Gauge("guichet_clock_behind_seconds", text, registry=self.registry).set_function(behind)

    def hear(self, events: Sequence[ev.Event]) -> None:
        for event in events:
            match event:
                case ev.ReservationAccepted(queue=queue, wait_seconds=waited):
                    self.answer_wait_seconds.labels(queue).observe(waited)
                    self.reservations.labels("accepted").inc()
                case ev.ReservationRejected():
                    self.reservations.labels("rejected").inc()
                case ev.ReservationTimedOut():
                    self.reservations.labels("timed_out").inc()
                case ev.ReservationRescinded():
                    self.reservations.labels("rescinded").inc()
                case ev.ReservationCanceled():
                    self.reservations.labels("canceled").inc()
                case ev.SurveyAnswered(measure=measure, value=value):
                    self.survey_answers.labels(measure, value).inc()
                case ev.CallDeflected():
                    self.deflected.inc()
                case ev.TicketCommitted(to_qualify=to_qualify):
                    self.tickets.labels(str(to_qualify).lower()).inc()

    def exposition(self) -> bytes:
        return generate_latest(self.registry)


class _ScreensCollector(Collector):
    def __init__(self, screens: Screens) -> None:
        self._screens = screens

    def describe(self) -> Iterable[Metric]:
        return []  # registering asks for no figures

    def collect(self) -> Iterable[Metric]:
        queues = self._screens.queue_views()
        yield _gauge("guichet_queue_waiting", "Calls waiting or ringing", queues, lambda view: view.waiting)
        yield _gauge(
            "guichet_queue_longest_wait_seconds",
            "Age of the oldest waiting call, 0 without one",
            queues,
            lambda view: view.longest_wait_seconds or 0.0,
        )
        yield _gauge(
            "guichet_queue_service_level",
            "Answered within the threshold / (answered + abandoned), absent before the first call",
            queues,
            lambda view: view.service_level,
        )
        yield _counter("guichet_calls_offered", "Calls that entered the queue", queues, lambda view: view.offered)
        yield _counter("guichet_calls_answered", "Calls whose talk began", queues, lambda view: view.answered)
        yield _counter(
            "guichet_calls_abandoned",
            "Callers who left after the short-abandon limit",
            queues,
            lambda view: view.abandoned,
        )
        yield _counter(
            "guichet_calls_short_abandoned",
            "Callers who left within the short-abandon limit",
            queues,
            lambda view: view.short_abandoned,
        )
        yield _counter("guichet_calls_failed", "Calls lost by our own fault", queues, lambda view: view.failed)
        yield _counter("guichet_calls_moved", "Calls that left for another queue", queues, lambda view: view.moved)
        yield self._agents()

    def _agents(self) -> Metric:
        states = Tally(view.state for view in self._screens.agent_views())
        family = GaugeMetricFamily("guichet_agents", "Agents by state", labels=["state"])
        for state in AgentState:
            family.add_metric([state], states[state])
        return family


class _JournalCollector(Collector):
    _GAUGES: Final = {
        "guichet_journal_pending": "Decisions not yet on the disk for certain",
        "guichet_journal_slowest_commit_seconds": "Longest of the latest times the disk took",
        "guichet_journal_damaged_at_start": "1: the journal was damaged, what came after the damage is not known",
    }

    def __init__(self, figures: Callable[[], Mapping[str, float]]) -> None:
        self._figures = figures

    def describe(self) -> Iterable[Metric]:
        return []  # registering asks for no figures

    def collect(self) -> Iterable[Metric]:
        figures = self._figures()
        for name, text in self._GAUGES.items():
            if name in figures:
                yield GaugeMetricFamily(name, text, value=figures[name])
        lost = "guichet_journal_lost_decisions"
        if lost in figures:
            yield CounterMetricFamily(lost, "Decisions not kept: the disk took none for too long", value=figures[lost])


class _MenusCollector(Collector):
    def __init__(self, figures: IvrFigures) -> None:
        self._figures = figures

    def describe(self) -> Iterable[Metric]:
        return []  # registering asks for no figures

    def collect(self) -> Iterable[Metric]:
        nodes = self._figures.figures()
        labels = ["flow", "node"]
        entries = CounterMetricFamily("guichet_ivr_entries", "Visits of a menu's node", labels=labels)
        exits = CounterMetricFamily("guichet_ivr_exits", "Visits by how they were left", labels=[*labels, "exit"])
        no_inputs = CounterMetricFamily("guichet_ivr_no_inputs", "Questions left unanswered", labels=labels)
        no_matches = CounterMetricFamily("guichet_ivr_no_matches", "Answers that were no choice", labels=labels)
        hang_ups = CounterMetricFamily("guichet_ivr_hang_ups", "Callers who hung up in the node", labels=labels)
        medians = GaugeMetricFamily("guichet_ivr_median_seconds", "Median time of the latest visits", labels=labels)
        for node in nodes:
            name = [node.flow, node.node]
            entries.add_metric(name, node.entries)
            no_inputs.add_metric(name, node.no_inputs)
            no_matches.add_metric(name, node.no_matches)
            hang_ups.add_metric(name, node.hang_ups)
            if node.median_seconds is not None:
                medians.add_metric(name, node.median_seconds)
            for exit_, count in node.exits.items():
                exits.add_metric([*name, exit_], count)
        yield from (entries, exits, no_inputs, no_matches, hang_ups, medians)


def _gauge(name: str, text: str, queues: Sequence[QueueView], value: _Figure) -> Metric:
    family = GaugeMetricFamily(name, text, labels=["queue"])
    for view in queues:
        figure = value(view)
        if figure is not None:
            family.add_metric([view.name], figure)
    return family


def _counter(name: str, text: str, queues: Sequence[QueueView], value: _Figure) -> Metric:
    family = CounterMetricFamily(name, text, labels=["queue"])
    for view in queues:
        family.add_metric([view.name], value(view) or 0)
    return family
