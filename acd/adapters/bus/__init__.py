"""The journal of events, in this process or on a Redis stream."""
