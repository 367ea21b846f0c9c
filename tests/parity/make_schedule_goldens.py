"""Writes tests/schedulers/cubic_goldens.json: levels that torch.ao.pruning's CubicSL gives, epoch by epoch.

Usage: python make_schedule_goldens.py OUT.json   (torch 2.11)
Levels are written with all their digits: the test asks for equal bits.
"""

import json
import sys

from torch import nn
from torch.ao.pruning import CubicSL, WeightNormSparsifier

CASES = [  # target levels, CubicSL's arguments, epochs
    ([0.8], dict(init_sl=0.1, init_t=3, delta_t=2, total_t=5, initially_zero=True), 14),
    ([0.8], dict(init_sl=0.1, init_t=3, delta_t=2, total_t=5, initially_zero=False), 14),
    ([0.3, 0.9], dict(), 1005),
    ([0.5, 0.75, 1.0], dict(init_sl=[0.0, 0.25, 0.5], init_t=[0, 1, 7], delta_t=[1, 3, 10], total_t=[4, 5, 6],
                            initially_zero=[True, False, True]), 70),
    ([0.7], dict(init_sl=0.7, delta_t=1, total_t=7), 9),
]


def levels(targets, arguments, epochs):
    """One list of group levels for each epoch; the first is what the constructor sets."""
    model = nn.Sequential(*[nn.Linear(4, 4) for _ in targets])
    sparsifier = WeightNormSparsifier()
    config = [{"tensor_fqn": f"{i}.weight", "sparsity_level": level} for i, level in enumerate(targets)]
    sparsifier.prepare(model, config)
    scheduler = CubicSL(sparsifier, **arguments)
    rows = []
    for _ in range(epochs):
        rows.append([float(group["sparsity_level"]) for group in sparsifier.groups])
        sparsifier.step()
        scheduler.step()
    return rows


def main():
    cases = [{"targets": t, "arguments": a, "levels": levels(t, a, n)} for t, a, n in CASES]
    with open(sys.argv[1], "w") as file:
        json.dump(cases, file)
        file.write("\n")


if __name__ == "__main__":
    main()
