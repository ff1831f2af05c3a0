"""The documentation against the code: what it links, names and shows has to be there."""

from __future__ import annotations

import ast
import json
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, get_args

import pytest
import typer.main
from pydantic import BaseModel

from acd.cli import app
from acd.settings import Settings, load_settings
from acd.simulation.scenario import replay_of, scenario_of
from acd.site import load_site
from acd.web.app import ENDPOINTS
from ivr.source import load

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
PACKAGES = ("acd", "ivr", "routing", "ticketing", "tests")
TOP = (*PACKAGES, "config", "docs", "scripts", "docker", r"\.ci")
PLAIN_ROUTES = {"/healthz", "/readyz", "/metrics", "/ws", "/login", "/agent", "/supervisor", "/api/v1/openapi.json"}
LARGEST_IMAGE = 200 * 1024
FOREIGN = {"CallManager", "HttpOnly", "pg_dump"}  # words of other programs

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_SPAN = re.compile(r"`([^`\n]+)`")

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
# The changelog tells of what was: it may name what is no more.
PRESENT = [page for page in PAGES if page.name != "CHANGELOG.md"]
every_present_page = pytest.mark.parametrize("page", PRESENT, ids=lambda path: str(path.relative_to(ROOT)))


def prose(page: Path) -> str:
    return _FENCE.sub("", page.read_text("utf-8"))


def spans(page: Path) -> list[str]:
    """What stands between backticks in the running text."""
    return _SPAN.findall(prose(page))


def blocks(page: Path, *kinds: str) -> list[str]:
    return [text for kind, text in _FENCE.findall(page.read_text("utf-8")) if kind in kinds]


def headings(page: Path) -> set[str]:
    """Anchors as GitHub makes them."""
    found = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in found}


# links and names -----------------------------------------------------------------------------------------------


@every_page
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for link in _LINK.findall(prose(page)):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in headings(target)):
            broken.append(link)
    assert broken == []


def test_every_page_is_reached_from_the_readme() -> None:
    reached: set[Path] = set()
    ahead = [ROOT / "README.md"]
    while ahead:
        page = ahead.pop()
        if page in reached or page.suffix != ".md" or not page.exists():
            continue
        reached.add(page)
        links = (link.partition("#")[0] for link in _LINK.findall(prose(page)) if not re.match(r"[a-z]+:", link))
        ahead += [(page.parent / link).resolve() for link in links if link]
    assert set(PAGES) <= reached


@cache
def names_in(path: Path) -> frozenset[str]:
    """Functions, classes, methods (`Class.method`) and assigned names of a module."""
    found: set[str] = set()
    for node in ast.parse(path.read_text("utf-8")).body:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                found.add(name)
            case ast.ClassDef(name=name, body=body):
                found.add(name)
                members = (part.name for part in body if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef))
                found.update(f"{name}.{member}" for member in members)
            case ast.Assign(targets=targets):
                found.update(target.id for target in targets if isinstance(target, ast.Name))
            case ast.AnnAssign(target=ast.Name(id=name)):
                found.add(name)
    return frozenset(found)


@every_present_page
def test_files_and_functions_named_exist(page: Path) -> None:
    pattern = re.compile(rf"((?:{'|'.join(TOP)})(?:/[\w.\-]+)*/?)(?::([\w.]+))?")
    missing = []
    for span in spans(page):
        found = pattern.fullmatch(span)
        if found is None or "/" not in span:
            continue
        path, name = ROOT / found[1], found[2]
        if not path.exists() or (name and name not in names_in(path)):
            missing.append(span)
    assert missing == []


@cache
def all_methods() -> frozenset[str]:
    modules = (path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
    return frozenset(name for path in modules for name in names_in(path) if "." in name)


@every_present_page
def test_methods_in_diagrams_exist(page: Path) -> None:
    named = {name for text in blocks(page, "mermaid") for name in re.findall(r"\b[A-Z][a-z]\w+\.[a-z_]\w+\b", text)}
    assert named <= all_methods(), named - all_methods()


@cache
def all_words() -> frozenset[str]:
    """Every identifier-like word of source, templates and configuration."""
    suffixes = {".py", ".yaml", ".yml", ".j2", ".toml", ".js", ""}
    files = [path for top in (*PACKAGES, "config", "docker") for path in (ROOT / top).rglob("*")]
    files += [ROOT / "docker-compose.yml", ROOT / "pyproject.toml"]
    texts = (path.read_text("utf-8") for path in files if path.is_file() and path.suffix in suffixes)
    return frozenset(word for text in texts for word in re.findall(r"\w+", text))


@every_present_page
def test_words_of_the_code_are_in_the_code(page: Path) -> None:
    """`snake_case` and `CamelCase` between backticks is a name; one that nobody defines has gone stale."""
    pattern = re.compile(r"[a-z0-9]+(?:_[a-z0-9]+)+|(?:[A-Z][a-z]+){2,}|GUICHET_[A-Z_]+[A-Z]")
    known = all_words()
    named = {span for span in spans(page) if pattern.fullmatch(span) and "__" not in span} - FOREIGN
    # Prometheus adds the ending of counters; the variables of secrets are made of the secrets' names.
    forms = {name: {name, name.removesuffix("_total"), name.removeprefix("GUICHET_").lower()} for name in named}
    assert {name for name, written in forms.items() if not written & known} == set()


@every_present_page
def test_routes_named_exist(page: Path) -> None:
    known = {(endpoint.method, endpoint.path) for endpoint in ENDPOINTS} | {("GET", path) for path in PLAIN_ROUTES}
    text = page.read_text("utf-8")
    named = set(re.findall(r"\b(GET|POST|PUT|DELETE) (/[\w/{}.\-]*)", text))
    assert named <= known, named - known


# commands ------------------------------------------------------------------------------------------------------


def command_lines(page: Path) -> Iterator[str]:
    """Shell lines shown, and commands named in the text. Comments and what follows a pipe are left out."""
    shown = "\n".join(blocks(page, "sh", "console")).replace("\\\n", " ")
    for line in shown.splitlines():
        yield line.removeprefix("$ ").partition(" # ")[0]
    yield from spans(page)


@every_present_page
def test_make_targets_named_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = {found[1] for line in command_lines(page) if (found := re.match(r"make ([a-z]+)", line))}
    assert named <= targets


def commands_in(line: str) -> Iterator[list[str]]:
    """The words after each `guichet` of a line."""
    for part in re.split(r"&&|\||;", line):
        found = re.match(r"(?:\s*[A-Z_]+=\S*)*\s*(?:\S*/)?guichet((?: .*)?)$", part.strip())
        if found and "…" not in part and not re.match(r"\s*[^a-z\s-]", found[1]):
            yield shlex.split(found[1])


@every_present_page
def test_guichet_commands_named_exist_with_their_options(page: Path) -> None:
    unknown = []
    for line in command_lines(page):
        for words in commands_in(line):
            command: Any = typer.main.get_command(app)
            rest = list(words)
            while rest and getattr(command, "commands", None):
                chosen = command.commands.get(rest.pop(0))
                if chosen is None:
                    unknown.append(line)
                    break
                command = chosen
            options = {option for parameter in command.params for option in parameter.opts} | {"--help"}
            unknown += [f"{line}: {word}" for word in rest if word.startswith("--") and word not in options]
    assert unknown == []


# settings ------------------------------------------------------------------------------------------------------


def setting_paths(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Dotted paths of all settings; what a mapping or a list holds is under `<...>` of it."""
    for name, field in model.model_fields.items():
        path = f"{prefix}{name}"
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from setting_paths(kind, f"{path}.")
            continue
        inner = [part for part in get_args(kind) if isinstance(part, type) and issubclass(part, BaseModel)]
        if inner:
            yield from setting_paths(inner[0], f"{path}.<>.")
        else:
            yield path


# Shown as one setting each: their parts stand in the same row, or are the row's own words.
WHOLE = (
    "queues.<>.reserve.<>.",
    "queues.<>.callback.<>.",
    "queues.<>.announce.<>.",
    "queues.<>.survey.<>.",
    "numbers.<>.survey.<>.",
    "queues.<>.priorities.<>.",
    "routing.priorities.<>.",
    "calendars.<>.holidays.<>.",
    "asterisk.trunks.<>.",
    "asterisk.agent_phones.",
    "prompts.voices.<>.",
)


def test_every_setting_is_documented() -> None:
    page = ROOT / "docs/configuration.md"
    named = {re.sub(r"<\w+>", "<>", span) for span in spans(page)}
    wanted = set()
    for path in setting_paths(Settings):
        whole = next((prefix for prefix in WHOLE if path.startswith(prefix)), None)
        wanted.add(path if whole is None else whole.removesuffix(".<>.").removesuffix("."))
        if whole is not None:
            wanted.add(path.removeprefix(whole))
    assert wanted <= named, sorted(wanted - named)


@every_present_page
def test_settings_in_the_environment_exist(page: Path) -> None:
    known = set(setting_paths(Settings))
    named = set(re.findall(r"\bGUICHET_([A-Z]+(?:__[A-Z_]*[A-Z])+)", page.read_text("utf-8"))) - {"SECTION__KEY"}
    paths = {name.lower().replace("__", ".") for name in named}
    assert paths <= known, paths - known


@every_page
def test_site_files_shown_are_accepted(page: Path, tmp_path: Path) -> None:
    """A block that begins with `# name.yaml` is that file; site.yaml may name the others of its page."""
    named = [(found[1], text) for text in blocks(page, "yaml") if (found := re.match(r"# ([\w.]+)\n", text))]
    others = {name: text for name, text in named if name != "site.yaml"}
    for name, text in others.items():
        (tmp_path / name).write_text(text, "utf-8")
    for number, (name, text) in enumerate(named):
        if name == "site.yaml":
            site = tmp_path / f"site{number}.yaml"
            site.write_text(text.replace("/etc/guichet/site/", f"{tmp_path}/"), "utf-8")
            assert load_site(load_settings(site, environment={})).warnings == ()


@every_page
def test_scenarios_shown_can_be_played(page: Path) -> None:
    for text in blocks(page, "yaml"):
        if text.startswith("# ") and "\ncalls:" in text:
            assert scenario_of(load(text, page.name), ROOT).calls
        if text.startswith("# ") and "\nreplay:" in text:
            assert replay_of(load(text, page.name), ROOT).replay.skills


def test_the_readme_shows_a_site_file() -> None:
    assert any(text.startswith("# site.yaml\n") for text in blocks(ROOT / "README.md", "yaml"))


# the rest ------------------------------------------------------------------------------------------------------


@every_page
def test_json_and_python_shown_can_be_read(page: Path) -> None:
    for text in blocks(page, "json"):
        json.loads(text)
    for text in blocks(page, "python"):
        ast.parse(text)


@every_page
def test_fences_are_closed_and_have_a_known_kind(page: Path) -> None:
    text = page.read_text("utf-8")
    assert len(re.findall(r"^```", text, re.MULTILINE)) == 2 * len(_FENCE.findall(text))
    kinds = {kind for kind, _ in _FENCE.findall(text)}
    assert kinds <= {"", "sh", "console", "yaml", "json", "python", "mermaid", "ini", "sql"}


def test_pictures_are_small_and_shown() -> None:
    shown = {
        (page.parent / link).resolve() for page in PAGES for link in _LINK.findall(prose(page)) if link.endswith(".png")
    }
    pictures = set((ROOT / "docs").rglob("*.png"))
    assert pictures == shown
    assert [path.name for path in pictures if path.stat().st_size > LARGEST_IMAGE] == []


def test_decisions_are_numbered_dated_and_listed() -> None:
    folder = ROOT / "docs/adr"
    pages = sorted(folder.glob("[0-9]*.md"))
    listed = (folder / "README.md").read_text("utf-8")
    numbers = [int(page.name[:4]) for page in pages]
    assert len(set(numbers)) == len(numbers)
    for page in pages:
        text = page.read_text("utf-8")
        assert text.startswith(f"# {int(page.name[:4])}. ")
        assert re.search(r"^\d{4}-\d\d-\d\d\. ", text, re.MULTILINE)
        assert all(f"## {part}" in text for part in ("Context", "Decision", "Consequences"))
        assert f"({page.name})" in listed
