"""The import contract bites: on a skeleton of the real layout, each kind of forbidden import breaks its contract.

The real code is checked by `make check`; here the contract itself is (a misspelt module in it would forbid nothing).
"""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
CONTRACTS = PYPROJECT["tool"]["importlinter"]["contracts"]
COMPOSED = "acd composes ivr, routing and ticketing, which know neither acd nor each other"
INSIDE_ACD = "inside acd, imports go down"
INSIDE_TICKETING = "inside ticketing, imports go down"
ONE_DOOR = "ticketing is entered through ticketing.api alone"
PURE = "pure packages do no I/O, take no time and no chance"

VIOLATIONS = [
    ("ivr/bad.py", "import acd.domain", COMPOSED),
    ("routing/bad.py", "import ivr", COMPOSED),
    ("ticketing/service/bad.py", "import routing", COMPOSED),
    ("acd/domain/bad.py", "import acd.service", INSIDE_ACD),
    ("acd/domain/bad.py", "import acd.settings", INSIDE_ACD),
    ("acd/service/bad.py", "import acd.adapters", INSIDE_ACD),
    ("acd/service/bad.py", "import acd.settings", INSIDE_ACD),
    ("acd/settings/bad.py", "import acd.adapters", INSIDE_ACD),
    ("acd/settings/bad.py", "import acd.site", INSIDE_ACD),
    ("acd/site/bad.py", "import acd.adapters", INSIDE_ACD),
    ("acd/shipped/bad.py", "import acd.settings", INSIDE_ACD),
    ("acd/secrets/bad.py", "import acd.settings", INSIDE_ACD),
    ("acd/web/bad.py", "import acd.adapters", INSIDE_ACD),
    ("acd/adapters/bad.py", "import acd.web", INSIDE_ACD),
    ("acd/adapters/bad.py", "import acd.phone", INSIDE_ACD),
    ("acd/phone/bad.py", "import acd.bootstrap", INSIDE_ACD),
    ("acd/bootstrap/bad.py", "import acd.demo", INSIDE_ACD),
    ("acd/bootstrap/bad.py", "import acd.lifecycle", INSIDE_ACD),
    ("acd/lifecycle/bad.py", "import acd.demo", INSIDE_ACD),
    ("acd/demo/bad.py", "import acd.cli", INSIDE_ACD),
    ("acd/service/bad.py", "import acd.logs", INSIDE_ACD),
    ("acd/newcomer/__init__.py", "", INSIDE_ACD),
    ("ticketing/domain/bad.py", "import ticketing.service", INSIDE_TICKETING),
    ("ticketing/service/bad.py", "import ticketing.adapters", INSIDE_TICKETING),
    ("ticketing/adapters/bad.py", "import ticketing.api", INSIDE_TICKETING),
    ("ticketing/newcomer/__init__.py", "", INSIDE_TICKETING),
    ("acd/bootstrap/bad.py", "import ticketing.adapters", ONE_DOOR),
    ("acd/service/bad.py", "import ticketing.service", ONE_DOOR),
    ("acd/domain/bad.py", "import ticketing.domain", ONE_DOOR),
    ("acd/domain/bad.py", "import asyncio", PURE),
    ("ivr/bad.py", "import pathlib", PURE),
    ("routing/bad.py", "from random import choice", PURE),
    ("ticketing/domain/bad.py", "import sqlalchemy", PURE),
    ("ticketing/domain/bad.py", "from time import monotonic", PURE),
]


@pytest.fixture
def skeleton(tmp_path: Path) -> Path:
    """Every package and every module that is one level down, all empty, as packages; beside them the real contracts."""
    names = {"acd", "ivr", "routing", "ticketing"}
    for package in sorted(names):
        inside = {path.stem for path in (ROOT / package).iterdir() if path.suffix == ".py" or path.is_dir()}
        names |= {f"{package}.{name}" for name in inside - {"__init__", "__pycache__", "_shipped"}}
    for contract in CONTRACTS:
        for container in contract.get("containers", []):
            layers = [name.strip(" ()") for layer in contract["layers"] for name in layer.split("|")]
            names |= {f"{container}.{name}" for name in layers}
    for name in names:
        folder = tmp_path / name.replace(".", "/")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "__init__.py").touch()
    (tmp_path / "pyproject.toml").write_bytes((ROOT / "pyproject.toml").read_bytes())
    return tmp_path


def lint(folder: Path) -> tuple[int, str]:
    """Exit code and output of `lint-imports` in a folder whose packages win over the installed ones."""
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache", "--no-logo"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "NO_COLOR": "1", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_the_skeleton_keeps_every_contract(skeleton: Path) -> None:
    code, output = lint(skeleton)
    assert code == 0, output
    for contract in CONTRACTS:
        assert f"{contract['name']} KEPT" in output


@pytest.mark.parametrize(("file", "line", "contract"), VIOLATIONS)
def test_a_forbidden_import_breaks_its_contract(skeleton: Path, file: str, line: str, contract: str) -> None:
    path = skeleton / file
    path.parent.mkdir(exist_ok=True)
    path.write_text(line + "\n", "utf-8")
    code, output = lint(skeleton)
    assert code != 0
    assert f"{contract} BROKEN" in output or (line == "" and "newcomer" in output), output


def test_every_contract_is_tried() -> None:
    assert {contract["name"] for contract in CONTRACTS} == {contract for _, _, contract in VIOLATIONS}
