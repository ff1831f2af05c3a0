"""Faults in a seeded random order on a real Asterisk with real phones, and every call accounted for afterwards."""
