"""The service: asyncio shells round the pure engine. Talks to ports only."""
