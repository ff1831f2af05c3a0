"""The pages' files, read once at start: small, few, and no path of a request ever reaches the disk."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aiohttp import web

STATIC: Final = Path(__file__).parent / "static"
_TYPES: Final = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class StaticFile:
    body: bytes
    content_type: str
    etag: str

    def response(self, request: web.Request) -> web.Response:
        """Browsers ask each time and get 304 as long as nothing changed: no stale page after an update."""
        headers = {"ETag": f'"{self.etag}"', "Cache-Control": "no-cache"}
        if any(tag.value == self.etag for tag in request.if_none_match or ()):
            return web.Response(status=304, headers=headers)
        return web.Response(body=self.body, content_type=self.content_type, charset="utf-8", headers=headers)


def load_static_files(folder: Path = STATIC) -> dict[str, StaticFile]:
    """By path relative to the folder, with forward slashes; only the types browsers need."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix in _TYPES and path.is_file():
            body = path.read_bytes()
            etag = hashlib.sha256(body).hexdigest()[:32]
            found[path.relative_to(folder).as_posix()] = StaticFile(body, _TYPES[path.suffix], etag)
    return found


def static_handler(files: dict[str, StaticFile]) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def serve_file(request: web.Request) -> web.Response:
        file = files.get(request.match_info["path"])
        if file is None:
            raise web.HTTPNotFound
        return file.response(request)

    return serve_file
