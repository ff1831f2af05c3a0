"""Prometheus metrics of overload, reconciliation and fallback."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from acd.service.admission import Admission
from acd.service.fallback import Fallback
from acd.service.reconciliation import Reconciliation


def watch_stability(
    registry: CollectorRegistry, admission: Admission, reconciliation: Reconciliation, fallback: Fallback | None
) -> None:
    """Have these figures in every scrape."""
    registry.register(_StabilityCollector(admission, reconciliation, fallback))


class _StabilityCollector(Collector):
    def __init__(self, admission: Admission, reconciliation: Reconciliation, fallback: Fallback | None) -> None:
        self._admission = admission
        self._reconciliation = reconciliation
        self._fallback = fallback

    def describe(self) -> Iterable[Metric]:
        return []  # registering asks for no figures

    def collect(self) -> Iterable[Metric]:
        admission = self._admission
        shed = CounterMetricFamily("guichet_calls_shed", "New callers not let in, by reason", labels=["reason"])
        for reason in ("calls", "lag"):
            shed.add_metric([reason], admission.shed[reason])
        yield shed
        inside = GaugeMetricFamily("guichet_calls_inside", "Callers under control of the service")
        inside.add_metric([], admission.inside())
        yield inside
        lag = GaugeMetricFamily("guichet_event_loop_lag_seconds", "How late the event loop is")
        lag.add_metric([], admission.lag.latest)
        yield lag
        looks = CounterMetricFamily("guichet_reconciliations", "Comparisons with the switch's own list of calls")
        looks.add_metric([], self._reconciliation.times)
        yield looks
        differs = CounterMetricFamily(
            "guichet_reconciliation_differences", "What differed from the switch's own list", labels=["kind"]
        )
        for kind, count in sorted(self._reconciliation.differences.items()):
            differs.add_metric([kind], count)
        yield differs
        if self._fallback is not None:
            back = CounterMetricFamily("guichet_fallback_given_back", "Callers taken over from the fallback queues")
            back.add_metric([], self._fallback.given_back)
            yield back
