"""Debian packages: which of scripts/packages.txt are missing, and installing those."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from support.say import Stop, say


def read_list(path, gui):
    """(required names, optional names) from packages.txt."""
    required, optional = [], []
    for line in Path(path).read_text(encoding="utf-8").splitlines():
        name, *marks = line.split("#")[0].split() or [""]
        if name and (gui or "gui" not in marks):
            (optional if "optional" in marks else required).append(name)
    return required, optional


def missing(names):
    """Those that are neither installed nor provided by an installed package."""
    query = subprocess.run(["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status} ${Provides}\n"],
                           capture_output=True, text=True, check=False)
    there = set()
    for line in query.stdout.splitlines():
        package, status, *provides = line.split(maxsplit=2)
        if status == "installed":
            there.add(package)
            there.update(name.split()[0] for name in provides and provides[0].split(","))
    return [name for name in names if name not in there]


def is_offered(name):
    """Whether a package source of this system has it, or has one that provides it (as Ubuntu's qt6-base-dev does)."""
    english = {**os.environ, "LC_ALL": "C"}
    policy = subprocess.run(["apt-cache", "policy", name], capture_output=True, text=True, check=False, env=english)
    if "Candidate:" in policy.stdout and "Candidate: (none)" not in policy.stdout:
        return True
    entry = subprocess.run(["apt-cache", "showpkg", name], capture_output=True, text=True, check=False, env=english)
    return bool(entry.stdout.partition("Reverse Provides:")[2].strip())


def as_root():
    """What to put before a command that needs root, or None where there is no way."""
    if os.geteuid() == 0:
        return []
    if not shutil.which("sudo"):
        return None
    # Without a terminal nobody could answer sudo's question for a password.
    return ["sudo"] if sys.stdin.isatty() else ["sudo", "-n"]


def by_hand(names):
    return f"apt-get update && apt-get install --no-install-recommends {' '.join(names)}"


def apt_get(root, *arguments):
    command = [*root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-o", "DPkg::Lock::Timeout=300", *arguments]
    return subprocess.run(command, stdin=None if root else subprocess.DEVNULL, check=False).returncode == 0


def install(path, without_optional, gui):
    """Installs what is missing of the list at `path`. Raises Stop where something required cannot be had.

    The file `without_optional` marks that an optional one could not be had: it is not asked for at every build.
    """
    required, optional = read_list(path, gui)
    if not shutil.which("dpkg-query") or not shutil.which("apt-get"):
        raise Stop("this is not a Debian or Ubuntu system: install what these packages hold by your own package manager, "
                   f"then run this again with LACUNA_PACKAGES=OFF:\n  {' '.join(required + optional)}")
    wanted = missing(required + optional)
    if not wanted or (without_optional.exists() and not set(wanted) & set(required)):
        return
    say(f"these Debian packages are missing and will be installed{'' if os.geteuid() == 0 else ' with sudo'}:\n"
        f"  {' '.join(wanted)}")
    root = as_root()
    if root is None:
        raise Stop(f"there is no sudo here. As root, run:\n  {by_hand(wanted)}")
    if not apt_get(root, "-qq", "update"):
        say("the lists of packages could not be brought up to date; trying with those that are here")
    unknown = [name for name in wanted if not is_offered(name)]
    needed = [name for name in unknown if name in required]
    if needed:
        raise Stop(f"no package source of this system offers: {' '.join(needed)}\n"
                   "  Lacuna is built on Debian 12 and Ubuntu 24.04 or later, with the components main and universe. Check "
                   "the network and /etc/apt; without Qt and GL: LACUNA_GUI=OFF")
    if not apt_get(root, "-q", "-y", "--no-install-recommends", "install", *[n for n in wanted if n not in unknown]):
        raise Stop(f"apt-get could not install them (its own words are above). Put that right, or as root run:\n"
                   f"  {by_hand(wanted)}")
    if unknown:
        say(f"going on without the optional {' '.join(unknown)}")
        without_optional.parent.mkdir(exist_ok=True)
        without_optional.touch()
