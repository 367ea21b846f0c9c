#!/usr/bin/env python3
"""Tests and times the kernels on a GPU, from the folder that scripts/pack-gpu made: python3 on_gpu.py [--out FOLDER]

It prints, in this order: the GPU; the tests of masks on it, beside the processor's; the same tests watched by
compute-sanitizer, where that is; whole checkpoints pruned by `lacuna-cli` on both, byte for byte; times beside
kthvalue, topk and a copy; and, where ncu is, the share of memory bandwidth that each kernel reaches. Exits with 1 if a
test failed.
"""

import argparse
import csv
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
BIN = HERE / "bin"
RULES = {
    "single weights": "sparsifier: weight_norm\n    sparsity_level: 0.5\n    sparse_block_shape: [1, 1]\n",
    "1x4 blocks": "sparsifier: weight_norm\n    sparsity_level: 0.7\n    sparse_block_shape: [1, 4]\n",
    "4x4 blocks": "sparsifier: weight_norm\n    sparsity_level: 0.3\n    sparse_block_shape: [4, 4]\n",
    "2:4": "sparsifier: n_m\n",
}


def torch_folder():
    spec = importlib.util.find_spec("torch")
    if not spec:
        sys.exit("error: this Python has no torch: run on_gpu.py with one that has torch 2.11 for CUDA")
    return Path(spec.submodule_search_locations[0])


def environment(torch):
    paths = [HERE / "lib", torch / "lib", *sorted((torch.parent / "nvidia").glob("*/lib"))]
    return {**os.environ, "LD_LIBRARY_PATH": ":".join(map(str, paths))}


class Machine:
    def __init__(self, torch, out, rehearse):
        self.env, self.out, self.failed = environment(torch), out, []
        self.device, self.filter = ("cpu", "*emulated*") if rehearse else ("cuda", "*on_gpu*")
        self.test = [BIN / "torch_tests", f"--gtest_filter={self.filter}"]

    def run(self, title, command, log, limit):
        """Whether the command ended well; all that it printed goes to `log`."""
        started = time.monotonic()
        try:
            done = subprocess.run(command, env=self.env, capture_output=True, text=True, timeout=limit)
            text, code = done.stdout + done.stderr, done.returncode
        except subprocess.TimeoutExpired as late:
            text, code = str(late.stdout), 124
        (self.out / log).write_text(text)
        good = code == 0
        print(f"{'ok    ' if good else 'FAILED'} {title}: {time.monotonic() - started:.1f} s, exit {code}", flush=True)
        if not good:
            self.failed.append(title)
            print(text[-3000:])
        return text if good else None

    def gpu(self):
        tool = found("nvidia-smi")
        if tool:
            subprocess.run([tool, "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"], check=False)

    def tests(self):
        text = self.run(f"tests on {self.device}", self.test, "tests.txt", 120)
        if text and "[  SKIPPED ]" in text:
            self.failed.append("tests were skipped")
            print(text[-1500:])
        return bool(text) and not self.failed

    def sanitized(self):
        tool = found("compute-sanitizer")
        if not tool:
            return
        for check in ("memcheck", "racecheck", "synccheck"):
            self.run(f"tests under compute-sanitizer's {check}",
                     [tool, "--tool", check, "--error-exitcode", "9", *self.test], f"{check}.txt", 150)

    def checkpoints(self):
        """`lacuna-cli prune --device cuda` writes the bytes that the processor's run writes."""
        import torch
        from safetensors.torch import save_file

        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            torch.manual_seed(1)
            weights = {f"layer.{i}.weight": torch.randn(1024, 4096).to(dtype) for i, dtype in
                       enumerate([torch.float16, torch.bfloat16, torch.float32, torch.float64])}
            weights["conv.weight"] = torch.randn(64, 48, 3, 3)
            save_file(weights, folder / "model.safetensors")
            for rule, text in RULES.items():
                recipe = folder / "recipe.yaml"
                recipe.write_text(f"version: 1\ngroups:\n  - layers: '*'\n    {text}")
                digests = []
                for run, device in (("first", "cpu"), ("second", self.device)):
                    target = folder / f"{run}.safetensors"
                    self.run(f"prune, {rule}, on {device}",
                             [BIN / "lacuna-cli", "prune", folder / "model.safetensors", "--recipe", recipe, "--device",
                              device, "--out", target], f"prune_{device}.txt", 60)
                    digests.append(hashlib.sha256(target.read_bytes()).digest() if target.exists() else run)
                if digests[0] != digests[1]:
                    self.failed.append(f"prune, {rule}: the GPU's file differs")
                    print(f"FAILED prune, {rule}: the GPU's file differs from the processor's")

    def times(self):
        report = self.out / "cuda_bench.json"
        if not self.run("times", [BIN / "cuda_bench", "--benchmark_repetitions=5", "--benchmark_min_time=0.1",
                                  "--benchmark_report_aggregates_only=true", f"--benchmark_out={report}",
                                  "--benchmark_out_format=json"], "cuda_bench.txt", 240):
            return
        medians = {row["run_name"]: row for row in json.loads(report.read_text())["benchmarks"]
                   if row["aggregate_name"] == "median"}
        each = {name: row["items_per_second"] for name, row in medians.items()}
        print(f"\n{'4096 x 11008':24}{'us':>10}{'GB/s':>8}{'of copy':>9}{'kthvalue':>10}{'topk':>10}")
        for name, row in medians.items():
            kind, dtype = name.split("/")[0], name.split("/")[1].split("_")[0]
            share = row["bytes_per_second"] / medians[f"copy/{dtype}"]["bytes_per_second"]
            faster = [f"{each[name] / each[f'{peer}/{dtype}']:9.1f}x" for peer in ("kthvalue", "topk")
                      if kind == "select"]
            print(f"{name:24}{1e6 / each[name]:10.1f}{row['bytes_per_second'] / 1e9:8.0f}{share:9.2f}{''.join(faster)}")
        print("GB/s of select: the weights, each counted once; of copy and apply: read and written")

    def kernels(self):
        tool = found("ncu")
        if tool:
            metrics = "gpu__time_duration.sum,dram__throughput.avg.pct_of_peak_sustained_elapsed,dram__bytes.sum"
            text = self.run("kernels under ncu", [tool, "--clock-control", "none", "--csv", "--metrics", metrics, "-k",
                                                  "regex:count_|find_|mark_|select_ties|keep_|lowest_|mean_|apply|expand",
                                                  "-c", "80", BIN / "cuda_bench", "--benchmark_min_time=1x",
                                                  "--benchmark_filter=(select|apply)/F16.*"], "kernels.csv", 200)
            print_kernels(text)


def found(tool):
    place = shutil.which(tool, path=os.environ["PATH"] + ":/usr/local/cuda/bin:/usr/local/nvidia/bin")
    if not place:
        print(f"skipped: {tool} is not here")
    return place


def print_kernels(text):
    """A line for each kernel of ncu's comma separated report: what it took, moved and reached."""
    rows = csv.DictReader(line for line in (text or "").splitlines() if line.startswith('"'))
    launches = {}
    for row in rows:
        name = row["Kernel Name"].split("(")[0].removeprefix("void ")
        launches.setdefault((row["ID"], name), []).append(f"{row['Metric Value']} {row['Metric Unit']}")
    for (_, name), values in launches.items():
        print(f"  {name[:60]:60} {'; '.join(values)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=HERE / "out", help="folder for logs (out beside this file)")
    parser.add_argument("--rehearse", action="store_true", help="without a GPU: whether the pack is whole, with the "
                        "kernels as the processor plays them")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    torch = torch_folder()
    print(f"torch: {torch}", flush=True)
    machine = Machine(torch, arguments.out, arguments.rehearse)
    machine.gpu()
    if machine.tests():
        machine.checkpoints()
        if not arguments.rehearse:
            machine.times()
            machine.kernels()
            machine.sanitized()
    print("failed: " + "; ".join(machine.failed) if machine.failed else "all passed")
    sys.exit(bool(machine.failed))


if __name__ == "__main__":
    main()
