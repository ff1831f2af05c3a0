"""The repository as a newcomer gets it: locked dependencies, no trace of one machine, commands that exist."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
LOCKS = ("requirements.lock", "requirements-dev.lock")
# Written in two parts, so that this file may be looked through as well.
MACHINE_PATHS = (
    "/ro" + "ot/",
    "/tmp" + "/w/",
    "/work/" + "main",
    "/work/" + "shared",
    "/opt/" + "pypi",
    "/opt/" + "wheels",
)
TOOL_FOLDERS = {".git", ".venv", "build", "dist", "__pycache__", ".hypothesis", ".mypy_cache", ".pytest_cache"}
TOOL_FOLDERS |= {".ruff_cache", ".import_linter_cache"}
# What a `make` that runs these tests hands to the makes under it.
WITHOUT_MAKE = {key: value for key, value in os.environ.items() if not key.startswith(("MAKE", "MFLAGS", "ARGS"))}
SCRIPTS = (".ci/run", "scripts/setup.sh", "docker/guichet/make-secrets")


def normal(name: str) -> str:
    """PEP 503."""
    return re.sub(r"[-_.]+", "-", name).lower()


def requirements_of_pyproject() -> Iterator[tuple[str, str]]:
    """(where, requirement) of every dependency the project names."""
    for group, wanted in {
        "build-system": PYPROJECT["build-system"]["requires"],
        "project": PYPROJECT["project"]["dependencies"],
        **PYPROJECT["project"].get("optional-dependencies", {}),
        **PYPROJECT["dependency-groups"],
    }.items():
        for requirement in wanted:
            yield group, requirement


def pins_of(lock: str) -> dict[str, str]:
    return {
        normal(found[1]): found[2]
        for found in re.finditer(r"^([A-Za-z0-9._-]+)==([^\s;]+)", (ROOT / lock).read_text("utf-8"), re.MULTILINE)
    }


def repository_files() -> list[Path]:
    """What git tracks or would track; in an unpacked archive, everything but what tools leave behind."""
    if (ROOT / ".git").exists():
        listed = subprocess.run(
            ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            check=True,
        )
        paths = [ROOT / os.fsdecode(name) for name in listed.stdout.split(b"\0") if name]
    else:
        paths = [path for path in ROOT.rglob("*") if not TOOL_FOLDERS & set(path.relative_to(ROOT).parts)]
    return [path for path in paths if path.is_file()]


def texts() -> Iterator[tuple[str, str]]:
    for path in repository_files():
        try:
            yield str(path.relative_to(ROOT)), path.read_text("utf-8")
        except UnicodeDecodeError:
            continue  # images and sounds


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_pins_by_hash_and_names_no_place(lock: str) -> None:
    text = (ROOT / lock).read_text("utf-8")
    assert pins_of(lock)
    lines = [line.removesuffix("\\").strip() for line in text.splitlines()]
    for line in lines:
        assert re.fullmatch(r"[a-z0-9._-]+==[^\s;@/]+( ; [^@/]+)?|--hash=sha256:[0-9a-f]{64}", line), line
    entries = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
    assert all("--hash=sha256:" in entry for entry in entries)


def test_every_dependency_is_pinned_and_locked() -> None:
    runtime, everything = (pins_of(lock) for lock in LOCKS)
    assert runtime.items() <= everything.items()
    for group, requirement in requirements_of_pyproject():
        found = re.fullmatch(r"([A-Za-z0-9._-]+)(?:\[[^]]+\])?==([^\s,;*]+)", requirement)
        assert found is not None, f"{group}: {requirement} is not pinned to one version"
        pins = runtime if group in {"build-system", "project", "build"} else everything  # extras: in the tests, too
        assert pins.get(normal(found[1])) == found[2], f"{group}: {requirement}: run `make lock`"


def test_no_file_knows_the_machine_it_was_written_on() -> None:
    traces = [*MACHINE_PATHS, *([str(ROOT)] if len(ROOT.parts) > 2 else [])]
    found = {name: [trace for trace in traces if trace in text] for name, text in texts()}
    assert not {name: trace for name, trace in found.items() if trace}


def test_no_private_key_is_in_the_repository() -> None:
    pattern = re.compile("-----BEGIN " + r"[A-Z ]*PRIVATE KEY-----")
    assert [name for name, text in texts() if pattern.search(text)] == []


def make_targets() -> set[str]:
    text = (ROOT / "Makefile").read_text("utf-8")
    return set(re.findall(r"^([a-z][a-z-]*):", text, re.MULTILINE))


def test_documented_make_targets_exist() -> None:
    documents = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
    named = {target for path in documents for target in re.findall(r"`make ([a-z-]+)", path.read_text("utf-8"))}
    assert {"demo", "test"} <= named
    assert named <= make_targets()
    assert {"help", "setup", "demo", "run", "test", "check", "bench", "lock", "clean"} <= make_targets()


@pytest.mark.parametrize("target", ["demo", "run", "test", "check", "bench", "lock", "clean"])
def test_arguments_reach_the_command(target: str) -> None:
    done = subprocess.run(
        ["make", "--dry-run", target, "ARGS=--one --two=2"],
        cwd=ROOT,
        env=WITHOUT_MAKE,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "--one --two=2" in done.stdout


def test_make_alone_explains_itself() -> None:
    done = subprocess.run(["make", "--silent"], cwd=ROOT, env=WITHOUT_MAKE, capture_output=True, text=True, check=True)
    listed = set(re.findall(r"^  make ([a-z-]+)", done.stdout, re.MULTILINE))
    assert listed == make_targets()


@pytest.mark.parametrize("script", SCRIPTS)
def test_scripts_can_be_run(script: str) -> None:
    assert os.access(ROOT / script, os.X_OK)
    shell = (ROOT / script).read_text("utf-8").splitlines()[0].split()[-1].rsplit("/", 1)[-1]
    subprocess.run([shell, "-n", ROOT / script], check=True)


def test_set_up_refuses_what_it_does_not_know() -> None:
    done = subprocess.run([ROOT / "scripts/setup.sh", "tset"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "usage" in done.stderr


def test_ci_fails_where_no_test_was_run(tmp_path: Path) -> None:
    """A `make test` that succeeds without a test must not pass for a success."""
    for closing, expected in (
        ("nothing to do", 1),
        ("=========== no tests ran in 0.01s ===========", 1),
        ("======= 3 passed, 1 warning in 0.12s =======", 0),
    ):
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        (folder / ".ci").mkdir(parents=True)
        (folder / ".ci/run").write_bytes((ROOT / ".ci/run").read_bytes())
        (folder / "Makefile").write_text(f"test:\n\t@echo '{closing}'\n", "utf-8")
        done = subprocess.run(
            ["bash", folder / ".ci/run"], env=WITHOUT_MAKE, capture_output=True, text=True, check=False
        )
        assert done.returncode == expected, done.stdout + done.stderr
        if expected == 0:
            assert done.stdout.splitlines()[-1] == closing


def test_ci_hands_on_the_failure_of_the_tests(tmp_path: Path) -> None:
    (tmp_path / ".ci").mkdir()
    (tmp_path / ".ci/run").write_bytes((ROOT / ".ci/run").read_bytes())
    (tmp_path / "Makefile").write_text("test:\n\t@echo '== 1 failed, 2 passed in 0.10s =='; exit 1\n", "utf-8")
    done = subprocess.run(["bash", tmp_path / ".ci/run"], env=WITHOUT_MAKE, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert done.stdout.splitlines()[-1] == "== 1 failed, 2 passed in 0.10s =="


def test_the_oldest_python_promised_is_the_one_linted_for() -> None:
    assert PYPROJECT["project"]["requires-python"] == ">=3.11"
    assert PYPROJECT["tool"]["mypy"]["python_version"] == "3.11"
    assert PYPROJECT["tool"]["ruff"]["target-version"] == "py311"
    assert sys.version_info >= (3, 11)
