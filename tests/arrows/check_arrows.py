"""Arrows go app → ui → engine, never back, and big libraries stay where they belong.

Reads the #include lines of every file of ours. A line that crosses a border the wrong way is an error with its place.
"""

import re
import sys
from pathlib import Path

INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]')
QT = r"Q[A-Z]\w*|Qt\w*/.*|q\w+\.h"
IMGUI = r"(.*/)?(imgui|implot|imgui_internal|implot_internal|imgui_impl_\w+)\.h"
TORCH = r"(torch|ATen|c10|caffe2)/.*"

# (files, what they must not include, why)
RULES = [
    (r"engine/(?!torch/)", rf"{QT}|{IMGUI}", "the engine knows no window"),
    (r"engine/(?!torch/)", rf"{TORCH}|engine/torch/.*", "lacuna_engine has no LibTorch in it: engine/torch is its side"),
    (r"engine/", r"(ui|app)/.*", "arrows go app → ui → engine"),
    (r"engine/torch/", rf"{QT}|{IMGUI}", "the engine knows no window"),
    (r"engine/torch/.*\.h$", r"torch/(torch|script|extension)\.h|ATen/ATen\.h", "a minute in every file that includes it"),
    (r"ui/", rf"{TORCH}|engine/torch/.*", "the window reaches LibTorch through lacuna_engine alone"),
    (r"ui/", r"app/.*", "arrows go app → ui → engine"),
    (r"app/", rf"{TORCH}|{IMGUI}|engine/torch/.*", "main() only starts what the libraries hold"),
]


def violations(name, text):
    for number, line in enumerate(text.splitlines(), 1):
        found = INCLUDE.match(line)
        for files, banned, why in RULES if found else []:
            if re.match(files, name) and re.fullmatch(banned, found[1]):
                yield f"{name}:{number}: must not include {found[1]}: {why}"


def check_the_rules():
    """The rules catch what they are for, and let through what is right."""
    wrong = [("engine/mask/mask.h", "#include <QString>"), ("engine/mask/mask.cpp", '#include "ui/theme.h"'),
             ("engine/mask/mask.h", "#include <ATen/core/Tensor.h>"), ("engine/torch/tensor.h", "#include <torch/script.h>"),
             ("ui/theme.cpp", "#  include <torch/script.h>"), ("ui/theme.h", '#include "engine/torch/tensor.h"'),
             ("engine/base/error.h", '#include "imgui.h"'), ("app/lacuna.cpp", "#include <implot.h>")]
    right = [("ui/theme.h", "#include <QColor>"), ("ui/theme.cpp", '#include "imgui.h"'),
             ("engine/torch/tensor.h", "#include <ATen/core/Tensor.h>"), ("engine/mask/mask.cpp", "#include <queue>"),
             ("engine/session/session.cpp", '#include "engine/model/torch_plugin.h"')]
    for name, line in wrong:
        assert list(violations(name, line)), f"nothing found in {name}: {line}"
    for name, line in right:
        assert not list(violations(name, line)), f"found something in {name}: {line}"


def main():
    check_the_rules()
    root = Path(sys.argv[1])
    files = sorted(file for room in ("app", "engine", "ui") for file in (root / room).rglob("*")
                   if file.suffix in (".h", ".cpp", ".cu", ".cuh"))
    found = [line for file in files
             for line in violations(file.relative_to(root).as_posix(), file.read_text(encoding="utf-8"))]
    print("\n".join(found) or f"{len(files)} files, every arrow points the right way")
    sys.exit(1 if found or not files else 0)


if __name__ == "__main__":
    main()
