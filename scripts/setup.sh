#!/usr/bin/env bash
# Makes a Debian or Ubuntu machine ready: system packages, then .venv from the lock.
#
#   scripts/setup.sh demo    what `guichet demo` and `guichet run` need
#   scripts/setup.sh test    the same, and what every test needs
#   scripts/setup.sh check   Python packages only (lint, types, lock)
#
# Idempotent: when all is there it does nothing, in a fraction of a second. System packages are installed only when
# what they provide is missing, with root or sudo; all else stays in .venv.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
PATH="${PATH//"$PWD/.venv/bin:"/}" # the Makefile's: an environment is not made by its own interpreter
PATH="$PATH:/usr/sbin:/sbin" # debootstrap and friends, for people who are not root

readonly profile="${1:-}"
case "$profile" in
  demo) lock=requirements.lock ;;
  test | check) lock=requirements-dev.lock ;;
  *)
    echo "usage: scripts/setup.sh demo|test|check" >&2
    exit 2
    ;;
esac

say() { echo "setup: $*" >&2; }
fail() {
  say "$*"
  exit 1
}

# Two makes at once wait for each other here; the lock ends with the script.
exec 9<scripts/setup.sh
flock 9

try_again() { # command...: three attempts, for slow or broken networks
  local pause
  for pause in 5 20; do
    "$@" && return 0
    say "that failed; trying again in $pause s"
    sleep "$pause"
  done
  "$@"
}

# --- the interpreter -------------------------------------------------------------------------------------------

is_new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }
can_make_venv() { "$1" -c 'import ensurepip, venv' 2>/dev/null; }

find_python() { # the user's own choice, then the machine's python3, then any other that is new enough
  local candidate second_best=""
  for candidate in ${GUICHET_PYTHON:+"$GUICHET_PYTHON"} python3 python3.13 python3.12 python3.11; do
    is_new_enough "$candidate" || continue
    if can_make_venv "$candidate"; then
      echo "$candidate"
      return
    fi
    second_best="${second_best:-$candidate}" # Debian's python3 without its venv package
  done
  echo "$second_best"
}

venv_is_usable() { # a copied or moved checkout has scripts that point elsewhere
  [[ -x .venv/bin/python && -f .venv/bin/pip ]] && is_new_enough .venv/bin/python \
    && head -n 3 .venv/bin/pip | grep --quiet --fixed-strings "$PWD/.venv/bin/python"
}

# --- system packages -------------------------------------------------------------------------------------------

packages=()
wants() { # package, then commands of which one is enough
  local package="$1" command
  shift
  for command in "$@"; do
    command -v "$command" >/dev/null && return 0
  done
  packages+=("$package")
}

list_missing_packages() {
  local keyring=/usr/share/keyrings/debian-archive-keyring
  if [[ "$profile" != check ]]; then
    wants debootstrap debootstrap asterisk
    wants espeak-ng espeak-ng
    wants sox sox
    [[ -e $keyring.gpg || -e $keyring.pgp ]] || command -v asterisk >/dev/null || packages+=(debian-archive-keyring)
  fi
  if [[ "$profile" == test ]]; then
    compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || packages+=(postgresql)
    wants redis-server redis-server
    wants sip-tester sipp
    # Ubuntu's chromium package is a snap, which does not run in containers: see browser_of_playwright.
    is_ubuntu || wants chromium chromium
  fi
}

is_ubuntu() { grep --quiet '^ID=ubuntu$' /etc/os-release 2>/dev/null; }

root_prefix=()
require_root() {
  local sentence="these Debian packages are missing: ${packages[*]}. Install them as root (apt-get install ${packages[*]}), then try again."
  command -v apt-get >/dev/null \
    || fail "this is neither Debian nor Ubuntu: install what provides ${packages[*]} yourself, then try again."
  ((EUID == 0)) && return
  command -v sudo >/dev/null || fail "$sentence"
  root_prefix=(sudo)
  if [[ ! -t 0 ]]; then
    root_prefix=(sudo -n)
    sudo -n true 2>/dev/null || fail "$sentence"
  fi
}

apt() { # quiet; what it said is shown when it failed
  local log
  log="$(mktemp)"
  if "${root_prefix[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get -qq -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 -o Dpkg::Use-Pty=0 "$@" 9<&- </dev/null >"$log" 2>&1; then
    rm -f "$log"
    return
  fi
  tail -n 20 "$log" >&2
  rm -f "$log"
  return 1
}

install_packages() {
  require_root
  say "installing Debian packages: ${packages[*]}"
  if [[ " ${packages[*]} " == *" postgresql "* && ! -e /etc/postgresql-common/createcluster.conf ]]; then
    # The tests start servers of their own; the package need not make and start one.
    "${root_prefix[@]}" mkdir -p /etc/postgresql-common/createcluster.d
    echo "create_main_cluster = false" \
      | "${root_prefix[@]}" tee /etc/postgresql-common/createcluster.d/guichet.conf >/dev/null
  fi
  try_again apt update || fail "apt-get update failed: see above"
  try_again apt install --yes --no-install-recommends "${packages[@]}" \
    || fail "apt-get could not install ${packages[*]}: see above"
}

# --- Python packages -------------------------------------------------------------------------------------------

install_python_packages() {
  if ! venv_is_usable; then
    [[ ! -L .venv ]] || fail ".venv is a link to another checkout's environment, which is not this one's to clear: remove the link."
    say "making .venv with $("$python" --version)"
    "$python" -m venv --clear .venv
  fi
  say "installing the packages of $lock (a minute or two the first time)"
  # Twice quiet: no warnings about the machine's own pip configuration; errors are still shown.
  # PIP_USER: some machines' pip configuration asks for installs into the home, which an environment refuses.
  local pip=(env PIP_USER=0 .venv/bin/python -m pip --quiet --quiet --no-input --disable-pip-version-check --retries 5 --timeout 60)
  try_again "${pip[@]}" install --only-binary :all: --require-hashes --requirement "$lock" 9<&- \
    || fail "pip could not install $lock: see above"
  "${pip[@]}" install --no-deps --no-build-isolation --editable . 9<&-
}

digest() { # of all that decides what stands in .venv
  {
    cat requirements.lock requirements-dev.lock scripts/setup.sh
    sed -n '/^\[project\]/,/^\[dependency-groups\]/p' pyproject.toml
  } | sha256sum | cut -d' ' -f1
}

python_is_ready() {
  [[ -x .venv/bin/python && -r .venv/.guichet-setup ]] || return 1
  local stamped lock_of_stamp root
  read -r stamped lock_of_stamp root <.venv/.guichet-setup
  [[ "$stamped" == "$(digest)" && "$root" == "$PWD" ]] || return 1
  [[ "$lock_of_stamp" == "$lock" || "$lock_of_stamp" == requirements-dev.lock ]] # which holds the other
}

browser_of_playwright() { # where the system has no chromium: its own, linked where `make` puts it on PATH
  say "installing Chromium"
  ((EUID == 0)) || command -v sudo >/dev/null || fail "no Chromium: install one as root, then try again."
  try_again .venv/bin/playwright install --with-deps chromium 9<&- </dev/null || fail "Chromium could not be installed"
  local executable
  executable="$(.venv/bin/python -c '
from playwright.sync_api import sync_playwright
with sync_playwright() as playwright:
    print(playwright.chromium.executable_path)')"
  ln -sf "$executable" .venv/bin/chromium
}

# --- all of it -------------------------------------------------------------------------------------------------

list_missing_packages
python_ready=true
python_is_ready || python_ready=false
if [[ "$python_ready" == false ]]; then
  python="$(find_python)"
  [[ -n "$python" ]] || fail "Python 3.11 or newer is needed, and none was found; GUICHET_PYTHON=/its/path names one."
  if ! venv_is_usable && ! can_make_venv "$python"; then
    packages+=("$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')")
  fi
fi
if ((${#packages[@]})); then install_packages; fi
if [[ "$python_ready" == false ]]; then
  rm -f .venv/.guichet-setup
  install_python_packages
fi
if [[ "$profile" == test && ! -x .venv/bin/chromium ]] && ! command -v chromium >/dev/null; then browser_of_playwright; fi
if [[ "$python_ready" == false ]]; then
  echo "$(digest) $lock $PWD" >.venv/.guichet-setup
  say "ready"
fi
