"""Counts the kernels' instructions under callgrind and compares them with committed counts."""

import re
import shutil
import subprocess

from support.say import Stop

TOLERANCE = 0.03
HEADER = """# Instructions of each kernel on its fixed input in tests/bench/instructions_bench.cpp, under valgrind, which runs
# the clones for x86-64-v3 (AVX2) on any processor that has it. Made by: scripts/bench --instructions --update
"""


def output_of(command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def count(program, kernel):
    done = subprocess.run(["valgrind", "--tool=callgrind", "--collect-atstart=no", "--toggle-collect=counted",
                           "--callgrind-out-file=/dev/null", program, kernel], capture_output=True, text=True,
                          check=False)
    found = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode != 0 or not found:
        raise Stop(f"valgrind could not run {kernel}: {done.stderr.strip().splitlines()[-1:]}")
    return int(found.group(1))


def read(path):
    """(compiler, {kernel: count}) of the committed file."""
    compiler, counts = "", {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        if line.startswith("# compiler: "):
            compiler = line.removeprefix("# compiler: ")
        elif line and not line.startswith("#"):
            kernel, number = line.split()
            counts[kernel] = int(number)
    return compiler, counts


def write(path, compiler, counts):
    lines = [f"{kernel} {number}" for kernel, number in counts.items()]
    path.write_text(f"{HEADER}# compiler: {compiler}\n" + "\n".join(lines) + "\n", encoding="utf-8")


def compare(program, path, update):
    """Prints a line a kernel; gives the exit status, 1 where one takes more instructions than it did."""
    if not shutil.which("valgrind"):
        raise Stop("counting instructions takes valgrind: install the package valgrind")
    compiler = output_of([program, "--compiler"]).strip()
    committed_by, committed = read(path)
    counts, worse = {}, []
    for kernel in output_of([program]).split():
        counts[kernel] = count(program, kernel)
        before = committed.get(kernel)
        change = counts[kernel] / before - 1 if before else 0
        worse += [kernel] if change > TOLERANCE else []
        print(f"{kernel:28} {counts[kernel]:12,}  " + (f"{100 * change:+6.1f} %" if before else "   new"), flush=True)
    if update:
        write(path, compiler, counts)
    elif committed_by != compiler:
        print(f"The committed counts are of {committed_by or 'no compiler'}, these of {compiler}: not compared.")
    elif worse:
        print(f"More instructions than committed, by over {100 * TOLERANCE:.0f} %: {', '.join(worse)}")
        return 1
    return 0
