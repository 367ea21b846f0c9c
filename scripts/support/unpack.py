"""Folders under .deps, made from pinned archives: whole or not there at all.

Each carries a stamp of what it was made from. A folder without a stamp is the user's own, and is left alone.
"""

import hashlib
import os
import shutil
import tarfile
import zipfile
from pathlib import Path

from support.say import Bar

STAMP = ".made-from"


def stamp_of(*files):
    """One hash over files that decide what a folder holds."""
    digest = hashlib.sha256()
    for file in files:
        digest.update(Path(file).read_bytes())
    return digest.hexdigest()


def is_current(folder, stamp):
    """Whether `folder` needs no making: made from the same, or somebody's own."""
    if not folder.exists():
        return False
    mark = folder / STAMP
    return not mark.exists() or mark.read_text(encoding="utf-8") == stamp


def replace(folder, stamp, fill):
    """Makes `folder` anew: `fill(path)` writes it beside its place, and it is moved there when complete."""
    new, old = folder.with_name(f".{folder.name}.new"), folder.with_name(f".{folder.name}.old")
    for leftover in (new, old):
        shutil.rmtree(leftover, ignore_errors=True)
    new.mkdir(parents=True)
    fill(new)
    (new / STAMP).write_text(stamp, encoding="utf-8")
    if folder.exists():
        os.rename(folder, old)
    os.rename(new, folder)
    shutil.rmtree(old, ignore_errors=True)


def target_below(folder, name):
    """Where a member called `name` goes, which must be inside `folder`."""
    target = (folder / name).resolve()
    if not target.is_relative_to(folder.resolve()):
        raise ValueError(f"{name} points outside the archive")
    target.parent.mkdir(parents=True, exist_ok=True)
    return target


def unzip(archive, folder, place):
    """Members of a wheel for which `place(name)` gives a path below `folder`."""
    with zipfile.ZipFile(archive) as source:
        chosen = [(member, place(member.filename)) for member in source.infolist() if not member.is_dir()]
        chosen = [(member, name) for member, name in chosen if name]
        bar = Bar(f"unpacking {archive.name.split('-')[0]}", sum(member.file_size for member, _ in chosen))
        for member, name in chosen:
            with source.open(member) as data, open(target_below(folder, name), "wb") as out:
                while block := data.read(1 << 22):
                    out.write(block)
                    bar.add(len(block))
        bar.end()


def untar(archive, folder, place):
    """Files of a source package for which `place(name)` gives a path below `folder`."""
    with tarfile.open(archive) as source:
        for member in source:
            name = place(member.name.partition("/")[2]) if member.isfile() else None
            if name:
                with source.extractfile(member) as data, open(target_below(folder, name), "wb") as out:
                    shutil.copyfileobj(data, out)
