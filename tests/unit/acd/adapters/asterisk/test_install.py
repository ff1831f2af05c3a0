"""Finding and preparing an Asterisk, on machines made of a PATH with scripts in it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from acd.adapters.asterisk.install import find_installation, version_of
from acd.adapters.asterisk.machine import InstallationError, Machine
from acd.adapters.asterisk.modules import REQUIRED, modules_to_load
from acd.adapters.asterisk.prepare import debian_mirror, loader_command, prepared_tree

# Makes what the real one makes, as far as Guichet looks: a tree whose loader runs the program it is given.
DEBOOTSTRAP = r"""
for argument in "$@"; do case "$argument" in /*) target="$argument"; break;; esac; done
echo "$@" >> "$HOME/calls"
mkdir "$HOME/running" || { echo "two at once" >> "$HOME/calls"; exit 9; }
lib="$target/usr/lib/x86_64-linux-gnu"
mkdir -p "$lib/asterisk/modules" "$target/usr/sbin" "$target/usr/share/asterisk/sounds/fr_CA_f_June" \
  "$target/usr/share/asterisk/moh" "$target/usr/share/asterisk/documentation" "$target/var/cache/apt/archives"
printf '#!/bin/sh\nshift 2; exec "$@"\n' > "$lib/ld-linux-x86-64.so.2"
printf '#!/bin/sh\necho Asterisk 22.10.1+dfsg\n' > "$target/usr/sbin/asterisk"
chmod +x "$lib/ld-linux-x86-64.so.2" "$target/usr/sbin/asterisk"
touch "$target/usr/share/asterisk/sounds/fr_CA_f_June/vm-goodbye.wav" "$target/usr/share/asterisk/moh/piece.wav"
ln -s /etc/alternatives/nowhere "$target/usr/share/asterisk/sounds/fr"
rmdir "$HOME/running"
[ ! -e "$HOME/fail" ] || { echo "E: Couldn't download packages: asterisk"; exit 1; }
"""
POLICY_NONE = 'echo "$2:"; echo "  Installed: (none)"; echo "  Candidate: (none)"'


class FakeMachine:
    """A home, and a folder of scripts that is all of PATH besides sh's own tools."""

    def __init__(self, root: Path) -> None:
        self.home = root / "home"
        self.programs = root / "bin"
        self.home.mkdir()
        self.programs.mkdir()
        self.said: list[str] = []
        for tool in ("sh", "env", "rm", "mkdir", "rmdir", "chmod", "touch", "ln", "printf", "echo", "true"):
            real = next(Path(folder) / tool for folder in ("/usr/bin", "/bin") if (Path(folder) / tool).exists())
            (self.programs / tool).symlink_to(real)

    def program(self, name: str, script: str) -> None:
        path = self.programs / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def machine(self, *, is_root: bool = True) -> Machine:
        scripts = self.home / "debootstrap/scripts"
        environment = {
            "PATH": str(self.programs),
            "GUICHET_ADMIN_PATH": "",
            "HOME": str(self.home),
            "DEBOOTSTRAP_DIR": str(scripts.parent),
        }
        return Machine(environment, is_root)

    @property
    def calls(self) -> list[str]:
        file = self.home / "calls"
        return file.read_text().splitlines() if file.exists() else []


@pytest.fixture
def fake(tmp_path: Path) -> FakeMachine:
    return FakeMachine(tmp_path)


@pytest.fixture
def debian(fake: FakeMachine) -> FakeMachine:
    fake.program("debootstrap", DEBOOTSTRAP)
    fake.program("apt-cache", POLICY_NONE)
    fake.program(
        "apt-get", 'if [ "$1" = indextargets ]; then echo "https://mirror.example/debian/|Debian|Debian|main"; fi'
    )
    return fake


@pytest.mark.parametrize(
    ("answer", "version"),
    [
        ("Asterisk 22.10.1+dfsg+~cs6.17.60671434-1\n", (22, "22.10.1+dfsg+~cs6.17.60671434-1")),
        ("Asterisk 18.0.0", (18, "18.0.0")),
        ("Asterisk certified/18.9-cert4", (18, "18.9-cert4")),
        (" 1:20.6.0~dfsg+~cs6.13.40431414-2build5", (20, "20.6.0~dfsg+~cs6.13.40431414-2build5")),
        (" (none)", None),
        ("", None),
    ],
)
def test_versions(answer: str, version: tuple[int, str] | None) -> None:
    assert version_of(answer) == version


@pytest.mark.parametrize(
    ("lines", "mirror"),
    [
        ("http://a.example/debian/|Debian|Debian|main", "http://a.example/debian"),
        ("http://a.example/debian-security/|Debian|Debian-Security|main", None),
        ("http://u.example/ubuntu/|Ubuntu|Ubuntu|main\nhttp://a.example/debian|||main", "http://a.example/debian"),
        ("http://other.example/deb|Someone|Someone|main", None),
        ("http://a.example/debian/|Debian|Debian|contrib", None),
        ("-oProxy=x|Debian|Debian|main", None),
        ("", None),
    ],
)
def test_the_mirror_is_the_one_this_machines_apt_uses(lines: str, mirror: str | None) -> None:
    assert debian_mirror(lines) == mirror


def test_asterisk_on_path_is_used_as_it_is(fake: FakeMachine) -> None:
    modules = fake.programs.parent / "lib/x86_64-linux-gnu/asterisk/modules"
    modules.mkdir(parents=True)
    (modules / "chan_pjsip.so").touch()
    fake.program("asterisk", "echo Asterisk 20.9.3")
    found = find_installation(fake.machine(is_root=False))
    assert (found.origin, found.version, found.modules) == ("path", "20.9.3", modules)
    assert found.command == (str(fake.programs / "asterisk"),)


def test_asterisk_on_path_without_pjsip_says_what_to_install(fake: FakeMachine) -> None:
    fake.program("asterisk", "echo Asterisk 20.9.3")
    with pytest.raises(InstallationError, match="has no PJSIP"):
        find_installation(fake.machine())


def test_an_asterisk_that_is_too_old_is_left_alone_and_another_prepared(debian: FakeMachine) -> None:
    debian.program("asterisk", "echo Asterisk 16.28.0")
    assert find_installation(debian.machine()).origin == "prepared"


def test_without_root_or_sudo_one_sentence_says_what_to_do(debian: FakeMachine) -> None:
    with pytest.raises(InstallationError) as told:
        find_installation(debian.machine(is_root=False))
    assert "as root or with sudo" in str(told.value)
    assert "docker compose up" in str(told.value)
    assert debian.calls == []


def test_sudo_that_asks_no_password_is_enough(debian: FakeMachine) -> None:
    debian.program("sudo", 'shift; echo "$1" >> "$HOME/sudo"; exec "$@"')
    assert find_installation(debian.machine(is_root=False)).origin == "prepared"
    assert "env" in (debian.home / "sudo").read_text().splitlines()


def test_debians_is_prepared_in_the_cache_from_the_machines_own_mirror(debian: FakeMachine) -> None:
    found = find_installation(debian.machine(), debian.said.append)
    tree = debian.home / ".cache/guichet/asterisk-debian-testing"
    assert (found.origin, found.version) == ("prepared", "22.10.1+dfsg")
    assert found.command[0] == str(tree / "usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2")
    assert found.modules == tree / "usr/lib/x86_64-linux-gnu/asterisk/modules"
    assert found.sounds == {"fr": tree / "usr/share/asterisk/sounds/fr_CA_f_June"}
    assert found.music == tree / "usr/share/asterisk/moh"
    assert found.documentation == tree / "usr/share/asterisk/documentation"
    assert not (tree / "var/cache/apt/archives").exists()
    [call] = debian.calls
    assert "--variant=minbase --include=asterisk,asterisk-core-sounds-fr-wav" in call
    assert call.endswith(" https://mirror.example/debian")
    assert any("Unpacking" in line for line in debian.said)


def test_the_prepared_one_is_found_again_without_root(debian: FakeMachine) -> None:
    find_installation(debian.machine())
    again = find_installation(debian.machine(is_root=False), prepare_missing=False)
    assert again.origin == "prepared"
    assert len(debian.calls) == 1


def test_a_preparation_that_fails_leaves_nothing_to_be_used_and_says_why(debian: FakeMachine) -> None:
    (debian.home / "fail").touch()
    with pytest.raises(InstallationError, match="Couldn't download packages: asterisk"):
        find_installation(debian.machine())
    cache = debian.home / ".cache/guichet"
    assert [path.name for path in cache.iterdir() if "debian" in path.name] == []
    (debian.home / "fail").unlink()
    assert find_installation(debian.machine()).origin == "prepared"


def test_a_tree_cut_short_is_not_used_and_made_again(debian: FakeMachine) -> None:
    tree = prepared_tree(debian.machine())
    (tree / "usr/sbin").mkdir(parents=True)
    assert loader_command(tree) is None
    assert find_installation(debian.machine()).origin == "prepared"
    assert loader_command(tree) is not None


def test_two_at_once_prepare_one(debian: FakeMachine) -> None:
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _n: find_installation(debian.machine()), range(4)))
    assert len({installation.command for installation in found}) == 1
    assert len(debian.calls) == 1


def test_a_missing_debootstrap_is_installed_and_taught_the_suite(debian: FakeMachine) -> None:
    (debian.programs / "debootstrap").rename(debian.home / "debootstrap.held")
    scripts = debian.home / "debootstrap/scripts"
    debian.program(
        "apt-get",
        'case "$*" in *install*debootstrap*) mkdir -p "$HOME/debootstrap/scripts";'
        ' touch "$HOME/debootstrap/scripts/sid";'
        ' ln -s "$HOME/debootstrap.held" "${0%/*}/debootstrap";; esac',
    )
    assert find_installation(debian.machine(), debian.said.append).origin == "prepared"
    assert (scripts / "testing").readlink() == Path("sid")
    assert any(line.startswith("Installing debootstrap") for line in debian.said)


def test_without_apt_there_is_a_sentence(fake: FakeMachine) -> None:
    with pytest.raises(InstallationError, match="no apt-get"):
        find_installation(fake.machine())


def test_the_systems_package_is_taken_where_there_is_one(fake: FakeMachine) -> None:
    modules = fake.programs.parent / "lib/x86_64-linux-gnu/asterisk/modules"
    modules.mkdir(parents=True)
    (modules / "chan_pjsip.so").touch()
    fake.program("apt-cache", 'echo "$2:"; echo "  Candidate: 1:20.6.0~dfsg-1"')
    fake.program(
        "apt-get",
        'echo "apt-get $*" >> "$HOME/calls"; printf "#!/bin/sh\\necho Asterisk 20.6.0~dfsg\\n" > "${0%/*}/asterisk";'
        ' chmod +x "${0%/*}/asterisk"',
    )
    fake.program("systemctl", 'echo "systemctl $*" >> "$HOME/calls"')
    found = find_installation(fake.machine(), fake.said.append)
    assert (found.origin, found.version) == ("path", "20.6.0~dfsg")
    installs = [call for call in fake.calls if call.startswith("apt-get") and " install " in call]
    assert len(installs) == 1
    assert "asterisk-moh-opsound-wav" in installs[0]


def test_nothing_is_prepared_behind_ones_back(debian: FakeMachine) -> None:
    with pytest.raises(InstallationError, match="guichet asterisk up"):
        find_installation(debian.machine(), prepare_missing=False)
    assert debian.calls == []


def test_missing_modules_are_named_with_their_package(tmp_path: Path) -> None:
    for name in REQUIRED:
        (tmp_path / f"{name}.so").touch()
    assert modules_to_load(tmp_path) == tuple(f"{name}.so" for name in REQUIRED)
    (tmp_path / "res_agi.so").unlink()
    with pytest.raises(InstallationError, match=r"module res_agi is not in .*asterisk-modules"):
        modules_to_load(tmp_path)
    (tmp_path / "app_amd.so").touch()
    (tmp_path / "res_agi.so").touch()
    assert modules_to_load(tmp_path)[-1] == "app_amd.so"
