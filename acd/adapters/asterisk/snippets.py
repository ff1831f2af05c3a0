"""What the administrator of an existing PBX adds to it, file by file. Pure text."""

from __future__ import annotations

from collections.abc import Mapping

from acd.adapters.asterisk.modules import REQUIRED
from acd.settings import Settings


def snippets(files: Mapping[str, str], settings: Settings) -> str:
    """`files` as `render` makes them; of them only what an existing Asterisk lacks, with where it goes."""
    asterisk = settings.asterisk
    parts = [
        ("manager.conf", files["manager_guichet.conf"], _MANAGER.format(port=asterisk.ami.port)),
        ("extensions.conf", files["extensions_guichet.conf"], _EXTENSIONS.format(music=asterisk.music_class)),
        ("pjsip.conf", files["pjsip_agents.conf"], _PJSIP),
    ]
    if asterisk.fallback.queue is not None:
        parts.append(("queues.conf", files["queues.conf"], _QUEUES))
    modules = "\n".join(f";   {' '.join(REQUIRED[at : at + 4])}" for at in range(0, len(REQUIRED), 4))
    head = _HEAD.format(host=asterisk.ami.host, port=asterisk.ami.port, agi=asterisk.fastagi.port, modules=modules)
    shown = [f"{head}"]
    for name, text, note in parts:
        lines = "\n".join(f"; {line}".rstrip() for line in note.strip().splitlines())
        shown.append(f";\n;===== {name} " + "=" * max(4, 90 - len(name)) + f"\n{lines}\n\n{text.strip()}\n")
    return "\n".join(shown)


_HEAD = """\
; Guichet: what an Asterisk >= 18 needs. Add each part to the file named above it, then `core reload`.
; Guichet logs in at {host}:{port} (asterisk.ami) and is asked by AGI at port {agi} (asterisk.fastagi).
; This text holds passwords: treat it like them.
; Modules that must be loaded (`module show`):
{modules}
"""
_MANAGER = """\
The manager must be on and listen where Guichet looks for it:
  [general]
  enabled = yes
  port = {port}
"""
_EXTENSIONS = """\
Send your trunk's calls here: `context = guichet-trunk` in its endpoint, or from your own context
  exten => NUMBER,1,Goto(guichet-numbers,NUMBER,1)
Callers hear the music on hold class "{music}" (musiconhold.conf).
"""
_QUEUES = """\
Asterisk's own queues, for the time without a service (asterisk.fallback.queue). app_queue must be loaded.
Where you have a [general] section of your own, set `persistentmembers = yes` in it and leave this one out.
"""
_PJSIP = """\
Agents' phones. They register with the name and the password below, at your own transport.
Where your trunk is told by its address, keep `endpoint_identifier_order = ip,username` in [global]:
a caller whose From header says "agent-1001" then stays a caller.
"""
