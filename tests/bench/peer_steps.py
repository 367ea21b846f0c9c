"""Times torch.ao.pruning's own step(): reads names of cases from stdin, answers each with the seconds that passed and
those that its threads worked, or "none REASON".

    peer_steps.py SIDE        cases as scripts/bench names them
"""

import sys
import time

try:
    import torch
    from torch import nn
    from torch.ao.pruning import NearlyDiagonalSparsifier, WeightNormSparsifier
except ImportError as error:
    print(f"none {error}", flush=True)
    sys.exit(0)

DTYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
BLOCKS = {"single": ((1, 1), 1, 0.5), "second": ((1, 1), 1, 0.5), "1x4": ((1, 4), 4, 0.5), "4x4": ((4, 4), 16, 0.5),
          "2:4": ((1, 4), 2, 1.0)}


def sparsifier_of(rule):
    if rule == "diagonal":
        return NearlyDiagonalSparsifier(nearliness=33)
    shape, zeros, level = BLOCKS[rule]
    return WeightNormSparsifier(sparsity_level=level, sparse_block_shape=shape, zeros_per_block=zeros)


def timed_step(side, rule, dtype):
    model = nn.Sequential(nn.Linear(side, side, bias=False)).to(DTYPES[dtype])
    torch.manual_seed(1)
    with torch.no_grad():
        model[0].weight.copy_(sum(torch.rand(side, side) for _ in range(4)).sub(2).mul(0.05))
    sparsifier = sparsifier_of(rule)
    sparsifier.prepare(model, [{"tensor_fqn": "0.weight"}])
    if rule == "second":
        sparsifier.step()
    start, cpu = time.perf_counter(), time.process_time()
    sparsifier.step()
    return f"{time.perf_counter() - start} {time.process_time() - cpu}"


def main():
    print(f"torch {torch.__version__}", flush=True)
    for line in sys.stdin:
        rule, dtype = line.split()
        try:
            print(timed_step(int(sys.argv[1]), rule, dtype), flush=True)
        except Exception as error:  # what upstream cannot do is an answer
            print("none " + (str(error).splitlines() or [type(error).__name__])[0], flush=True)


main()
