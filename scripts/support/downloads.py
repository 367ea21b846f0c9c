"""Pinned, hash-checked files from the Python package index, through pip and so with the user's own settings of it.

Each file lives in the cache as downloads/<sha256>/<name>. It gets there by a rename after its hash was checked: what
is there is whole.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from support.say import Stop, say

BACKEND = Path(__file__).resolve().parent / "backend"
# One wheel for every host: the Python version and these tags choose it, not the Python that runs this.
PLATFORMS = ["manylinux_2_28_x86_64", "manylinux_2_25_x86_64", "manylinux2014_x86_64", "manylinux_2_17_x86_64"]
WHEEL = ["--only-binary=:all:", "--python-version=3.11", *[f"--platform={tag}" for tag in PLATFORMS]]
SOURCE = ["--no-binary=:all:", "--no-build-isolation"]


class Pin:
    """A line of a file in scripts/pins: NAME==VERSION --hash=sha256:… [source]  # size."""

    def __init__(self, line):
        self.requirement, _, self.size = (part.strip() for part in line.partition("#"))
        self.package, _, self.sha256 = self.requirement.partition(" --hash=sha256:")


def read_pins(path):
    lines = Path(path).read_text(encoding="utf-8").splitlines()
    return [Pin(line) for line in lines if line and not line.startswith("#")]


def cache():
    """The user's cache folder for Lacuna."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lacuna"


def pip():
    """The command for a pip that is there: that of the Python that runs this, or the system's."""
    for python in (sys.executable, "/usr/bin/python3"):
        if subprocess.run([python, "-m", "pip", "--version"], capture_output=True, check=False).returncode == 0:
            return [python, "-m", "pip"]
    raise Stop("there is no pip for python3: install the package python3-pip")


def sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def cached(pin):
    """The pin's file in the cache, or None."""
    folder = cache() / "downloads" / pin.sha256
    files = list(folder.iterdir()) if folder.is_dir() else []
    if files and sha256(files[0]) == pin.sha256:
        return files[0]
    shutil.rmtree(folder, ignore_errors=True)
    return None


def fetch(pin, kind):
    """The pin's file, downloaded where it is not in the cache yet. `kind` is WHEEL or SOURCE."""
    found = cached(pin)
    if found:
        return found
    say(f"downloading {pin.package} ({pin.size})")
    downloads = cache() / "downloads"
    downloads.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=downloads, prefix="part-") as part:
        (Path(part) / "pin.txt").write_text(pin.requirement + "\n", encoding="utf-8")
        run_pip(pin, ["--no-cache-dir", "--no-deps", "--require-hashes", *kind, "-d", f"{part}/file",
                      "-r", f"{part}/pin.txt"], part)
        file = next(Path(part, "file").iterdir())
        if sha256(file) != pin.sha256:
            raise Stop(f"{file.name} does not have the hash that scripts/pins names: {pin.sha256}")
        os.rename(file.parent, downloads / pin.sha256)
    return cached(pin)


def remove_leftovers():
    """Clears away what a killed download left. Only while no other set-up is at work."""
    for folder in (cache() / "downloads").glob("part-*"):
        shutil.rmtree(folder, ignore_errors=True)


def run_pip(pin, arguments, scratch):
    # TMPDIR: /tmp may be memory, and a wheel is half a gigabyte.
    environment = {**os.environ, "TMPDIR": scratch, "PYTHONPATH": str(BACKEND), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    terminal = sys.stdout.isatty()
    result = subprocess.run([*pip(), "download", *([] if terminal else ["--quiet"]), *arguments], env=environment,
                            stderr=None if terminal else subprocess.PIPE, text=True, check=False)
    if result.returncode != 0:
        raise Stop(f"pip could not download {pin.package}; its own words:\n{result.stderr or '  (above)'}\n"
                   "  What was downloaded before is kept: check the network, pip's own settings (pip config list) and "
                   f"the free space in {cache()}, then run this again.\n"
                   f"  Where there is no network, put the file with this sha256 there from another machine:\n"
                   f"  {cache() / 'downloads' / pin.sha256}/")
