"""The domain: calls, agents, queues, reservations and the engine that decides. Pure: no I/O, no clock, no chance."""
