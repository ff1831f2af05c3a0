"""The demo: simulated people with real phones on a real Asterisk, and the real service between them."""
