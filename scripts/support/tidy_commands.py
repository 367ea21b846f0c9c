"""Compile commands for clang-tidy: GCC's precompiled headers mean nothing to clang, the headers they hold do.

Usage: tidy_commands.py BUILD_FOLDER. Writes BUILD_FOLDER/tidy/compile_commands.json and names, a line each, our own
files in it.
"""

import json
import re
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def main():
    build = Path(sys.argv[1])
    tidy = build / "tidy"
    tidy.mkdir(exist_ok=True)
    commands = json.loads((build / "compile_commands.json").read_text(encoding="utf-8"))
    for entry in commands:
        # A copy elsewhere has no .gch beside it, so clang reads the header itself.
        for header in re.findall(r"-include (\S+/cmake_pch\.hxx)", entry["command"]):
            copy = tidy.resolve() / (header.strip("/").replace("/", "-"))
            shutil.copyfile(header, copy)
            entry["command"] = entry["command"].replace(f"-include {header}", f"-include {copy}")
        entry["command"] = entry["command"].replace("-Winvalid-pch", "")
    (tidy / "compile_commands.json").write_text(json.dumps(commands, indent=1), encoding="utf-8")
    for entry in commands:
        if Path(entry["file"]).is_relative_to(ROOT):
            file = Path(entry["file"]).relative_to(ROOT)
            if file.parts[0] in ("app", "engine", "ui"):
                print(file)


if __name__ == "__main__":
    main()
