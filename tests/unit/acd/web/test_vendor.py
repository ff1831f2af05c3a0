"""What is vendored is what the manifest says, and the pages load nothing from elsewhere."""

from __future__ import annotations

import hashlib
import re

from acd.web.static_files import STATIC, load_static_files


def test_vendored_files_are_unchanged_and_all_of_them_listed() -> None:
    manifest = (STATIC / "vendor" / "MANIFEST.md").read_text("utf-8")
    listed = dict(re.findall(r"^\| `([^`]+)` \|.*\| `([0-9a-f]{64})` \|$", manifest, re.MULTILINE))
    found = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (STATIC / "vendor").iterdir()
        if path.suffix != ".md"
    }
    assert listed == found


def test_the_pages_load_nothing_from_elsewhere_and_write_no_markup() -> None:
    for name, file in load_static_files().items():
        if name.startswith("vendor/"):
            continue
        text = file.body.decode().replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://|innerHTML|insertAdjacentHTML|document\.write|eval\(", text), name
        for target in re.findall(r'(?:from|import\() ?"([^"]+)"', text):
            assert target.removeprefix("./") in load_static_files(), f"{name} imports {target}"
