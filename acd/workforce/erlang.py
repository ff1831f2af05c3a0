"""Erlang B, C and A: what queueing theory says of one group of equal agents.

A: offered load in erlangs (arrival rate x mean service time). Times in any one unit. Recursions instead of factorials,
so that hundreds of agents are no trouble. Sources: A. K. Erlang 1917; C. Palm 1957; Mandelbaum and Zeltyn, "The
Palm/Erlang-A Queue", 2007.
"""

from __future__ import annotations

from math import exp
from typing import NamedTuple


def erlang_b(servers: int, load: float) -> float:
    """Share of calls that find all servers busy and are lost: M/M/c/c."""
    blocked = 1.0
    for busy in range(1, servers + 1):
        blocked = load * blocked / (busy + load * blocked)
    return blocked


class Waiting(NamedTuple):
    """`wait`: mean over all calls. `service_level`: share of all calls answered within the threshold."""

    must_wait: float
    wait: float
    queue: float  # mean number waiting
    occupancy: float
    service_level: float
    abandoned: float = 0.0
    turned_away: float = 0.0  # share of all who call; the other figures are of those let in


def erlang_c(servers: int, arrival_rate: float, service_time: float, threshold: float = 0.0) -> Waiting:
    """M/M/c: everybody waits as long as it takes. Raises ValueError when the load is more than the servers can do."""
    load = arrival_rate * service_time
    if load >= servers:
        raise ValueError(f"{load:g} erlangs are too much for {servers} servers: the queue grows without end")
    blocked = erlang_b(servers, load)
    must_wait = blocked / (1 - load / servers * (1 - blocked))
    wait = must_wait * service_time / (servers - load)
    late = must_wait * exp(-(servers - load) * threshold / service_time)
    return Waiting(must_wait, wait, arrival_rate * wait, load / servers, 1 - late)


def erlang_k(servers: int, arrival_rate: float, service_time: float, places: int, threshold: float = 0.0) -> Waiting:
    """M/M/c/K: as many as `places` may wait (K = servers + places), more are turned away; nobody gives up."""
    weights = [1.0]
    for inside in range(1, servers + places + 1):
        weights.append(weights[-1] * arrival_rate * service_time / min(inside, servers))
    shares = [weight / sum(weights) for weight in weights]
    turned_away = shares[-1]
    let_in = 1 - turned_away
    queue = sum((inside - servers) * share for inside, share in enumerate(shares) if inside > servers)
    # Who finds n inside waits for n - servers + 1 completions, each after `service_time` / servers.
    pace = threshold * servers / service_time
    late = sum(shares[servers + ahead] * _fewer(ahead + 1, pace) for ahead in range(places)) / let_in
    return Waiting(
        must_wait=sum(shares[servers:-1]) / let_in,
        wait=queue / (arrival_rate * let_in),
        queue=queue,
        occupancy=arrival_rate * let_in * service_time / servers,
        service_level=1 - late,
        turned_away=turned_away,
    )


def _fewer(than: int, mean: float) -> float:
    """That a Poisson number of this mean is less than so many."""
    term, total = exp(-mean), 0.0
    for number in range(than):
        total += term
        term *= mean / (number + 1)
    return total


def erlang_a(
    servers: int, arrival_rate: float, service_time: float, patience: float, threshold: float = 0.0
) -> Waiting:
    """M/M/c+M: callers leave after an exponential patience. `service_level` counts the abandoned as offered.

    The chain of callers in the system is cut off where what is left has no weight.
    """
    mu, theta = 1 / service_time, 1 / patience
    weights = _chain(servers, arrival_rate, mu, theta)
    total = sum(weights)
    shares = [weight / total for weight in weights]
    busy = sum(min(n, servers) * share for n, share in enumerate(shares))
    queue = sum(max(0, n - servers) * share for n, share in enumerate(shares))
    must_wait = sum(shares[servers:])
    served_at_once = 1 - must_wait
    late = _answered_within(shares[servers:], servers * mu, theta, threshold) if threshold else 0.0
    return Waiting(
        must_wait=must_wait,
        wait=queue / arrival_rate,
        queue=queue,
        occupancy=busy / servers,
        service_level=served_at_once + late,
        abandoned=theta * queue / arrival_rate,
    )


def _chain(servers: int, arrival_rate: float, mu: float, theta: float) -> list[float]:
    """Unnormalised stationary weights of 0, 1, 2, ... callers in the system."""
    weights = [1.0]
    while len(weights) <= servers or weights[-1] > 1e-15 * sum(weights):
        n = len(weights)
        weights.append(weights[-1] * arrival_rate / (min(n, servers) * mu + max(0, n - servers) * theta))
        if weights[-1] > 1e200:
            weights = [weight / 1e200 for weight in weights]
    return weights


def _answered_within(shares: list[float], service: float, theta: float, threshold: float) -> float:
    """Share of callers who wait, and are answered within the threshold.

    Who finds k waiting before them is answered, for k = 0, or moves up, at the rate `service`; moves up also when one
    of the k leaves, and leaves at `theta`. Integrated over the threshold by the midpoint rule.
    """
    rates = [service + (k + 1) * theta for k in range(len(shares))]  # of leaving k, as of coming to it from k + 1
    steps = max(500, int(threshold * rates[-1] * 40))
    size, at = threshold / steps, shares
    answered = 0.0
    for _ in range(steps):
        middle = _moved(at, at, rates, size / 2)
        answered += size * service * middle[0]
        at = _moved(at, middle, rates, size)
    return answered


def _moved(at: list[float], by: list[float], rates: list[float], size: float) -> list[float]:
    above = (*by[1:], 0.0)
    return [x + size * rate * (up - own) for x, own, up, rate in zip(at, by, above, rates, strict=True)]
