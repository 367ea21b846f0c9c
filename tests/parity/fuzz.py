#!/usr/bin/env python3
"""Compares Lacuna's masks on random cases, step by step and bit for bit: with `ties: aten` to what PyTorch 2.11 gives
(peer.py), with `ties: lowest` to the rules told literally (literal.py), on one thread and on three. `random`, which no
other program can repeat, is held against itself.

usage: tests/support/run_peer.sh tests/parity/fuzz.py MASK_TOOL [FAMILY|all] [CASES] [SEED]
MASK_TOOL: build/<preset>/bin/mask_tool. Exit status 77 (skipped) without torch 2.11.
"""

import os
import random
import subprocess
import sys
import tempfile

from peer_torch import need

need("numpy")
import numpy as np
import torch

import cases
import families
import forms
import literal
import peer


def run_tool(tool, drawn, ties, threads):
    """Lacuna's outcomes: for every case and step a list of boolean tensors, or REFUSED."""
    with tempfile.TemporaryDirectory() as folder:
        path, out = os.path.join(folder, "cases.safetensors"), os.path.join(folder, "masks")
        cases.write(path, drawn)
        subprocess.run([tool, path, out, ties, str(threads)], check=True)
        words = np.fromfile(out, dtype="<u8")
    outcomes, at = [], 0
    for case in drawn:
        outcomes.append([])
        for weights in case.weights:
            refused, at = words[at], at + 1
            outcomes[-1].append(cases.REFUSED if refused else [])
            for weight in [] if refused else weights:
                count = (weight.numel() + 63) // 64
                bits = np.unpackbits(words[at:at + count].view(np.uint8), bitorder="little")[:weight.numel()]
                outcomes[-1][-1].append(torch.from_numpy(bits.astype(bool)).reshape(weight.shape))
                at += count
    if at != len(words):
        raise SystemExit(f"error: mask_tool wrote {len(words)} words, {at} were due")
    return outcomes


def same(found, expected):
    if isinstance(found, str) or isinstance(expected, str):
        return found is expected
    return all(torch.equal(one, other) for one, other in zip(found, expected, strict=True))


class Tally:
    """Differences of a family's outcomes, the first of them in words."""

    def __init__(self, name, drawn):
        self.name, self.drawn, self.differences = name, drawn, 0

    def compare(self, what, found, expected):
        compared = refused = 0
        for case, ours, theirs in zip(self.drawn, found, expected, strict=True):
            for step, (one, other) in enumerate(zip(ours, theirs, strict=True)):
                if other is None:
                    continue
                compared += 1
                refused += other is cases.REFUSED
                if not same(one, other):
                    self.differ(f"{what}, step {step}: {describe(one)} for {describe(other)}", case)
        steps = sum(len(case.steps) for case in self.drawn)
        print(f"{self.name}, {what}: {compared} of {steps} steps of {len(self.drawn)} cases compared "
              f"({refused} of them refusals)")

    def differ(self, what, case):
        self.differences += 1
        if self.differences <= 10:
            print(f"{self.name}, {what}: {case}")


def describe(outcome):
    return outcome if isinstance(outcome, str) else f"zeros {[int((~mask).sum()) for mask in outcome]}"


def check_random(tally, found):
    """What must hold of any draw: so many whole blocks go as the level says, and a higher level prunes those and more."""
    for case, outcomes in zip(tally.drawn, found):
        block = case.options["sparse_block_shape"]
        gone = []
        for step, (mask,) in enumerate(outcomes):
            pruned = ~forms.of_weight(mask)[0].bool()
            blocks = forms.block_means(pruned.float(), block)
            level = case.options_at(step)["sparsity_level"]
            gone.append((level, pruned))
            if not ((blocks == 0) | (blocks == 1)).all() or blocks.sum() != literal.share(level, len(blocks), True):
                tally.differ(f"{int(blocks.sum())} of {len(blocks)} blocks", case)
        gone.sort(key=lambda one: one[0])
        for (_, lower), (_, higher) in zip(gone, gone[1:]):
            if (lower & ~higher).any():
                tally.differ("a higher level keeps what a lower one pruned", case)


def fuzz(tool, name, count, seed):
    rng, generator = random.Random(seed), torch.Generator().manual_seed(seed)
    drawn = [families.FAMILIES[name](rng, generator) for _ in range(count)]
    tally = Tally(name, drawn)
    lowest = run_tool(tool, drawn, "lowest", 1)
    tally.compare("three threads against one", run_tool(tool, drawn, "lowest", 3), lowest)
    if name == "random":
        check_random(tally, lowest)
    else:
        rule = drawn[0].rule
        tally.compare("ties lowest against the literal rule", lowest, [literal.MASKS[rule](case) for case in drawn])
        tally.compare(f"ties aten against torch {torch.__version__}", run_tool(tool, drawn, "aten", 3),
                      [peer.MASKS[rule](case) for case in drawn])
    print(f"{name}: {tally.differences} differences", flush=True)
    return tally.differences


def main():
    if not 2 <= len(sys.argv) <= 5:
        print(__doc__)
        return 2
    torch.set_num_threads(1)
    tool, name, count, seed = (sys.argv[1:] + ["all", "2000", "1"][len(sys.argv) - 2:])
    names = list(families.FAMILIES) if name == "all" else [name]
    return 1 if sum(fuzz(tool, one, int(count), int(seed)) for one in names) else 0


if __name__ == "__main__":
    sys.exit(main())
