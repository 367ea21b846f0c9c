#!/usr/bin/env python3
"""Converts models with embedding tables by `lacuna-cli convert --to quantized_embeddings` and holds the files against
PyTorch: they load, what torch.ao.pruning's own DataNormSparsifier prunes is exactly 0 in them, the other values are
PyTorch's rounding of the table to 8 bits by row, and the models compute what they compute on those values.

    tests/support/run_peer.sh tests/torch/peer_embeddings.py PATH/TO/lacuna-cli

Exit status 0 if everything holds, 77 (skipped) where torch 2.11 is not installed."""

import pathlib
import subprocess
import sys
import tempfile

from peer_torch import need

need()
import torch
from torch import nn
from torch.ao.pruning._experimental.data_sparsifier import DataNormSparsifier

LEVEL = 0.7


class Texts(nn.Module):
    """A token's row beside the sum of its neighbours' rows; `a.b_c` and `a_b.c` are one name to upstream."""

    def __init__(self, bags: bool) -> None:
        super().__init__()
        self.a, self.a_b = nn.Module(), nn.Module()
        self.a.b_c = nn.Embedding(50, 12)
        self.a_b.c = nn.EmbeddingBag(50, 12, mode="sum") if bags else nn.Embedding(40, 12, padding_idx=3)
        nn.init.uniform_(self.a.b_c.weight, 0.5, 1.5)  # 0 is outside every row's range
        self.head = nn.Linear(12, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.a_b.c(x)
        return self.head(self.a.b_c(x).mean(1) + (y if y.dim() == 2 else y.amax(1)))


def pruned_by_upstream(values: torch.Tensor) -> torch.Tensor:
    sparsifier = DataNormSparsifier(norm="L1", sparsity_level=LEVEL, sparse_block_shape=(1, 4))
    sparsifier.add_data(name="table", data=values.clone())
    sparsifier.step()
    return sparsifier.get_mask("table") == 0


def rounded(values: torch.Tensor) -> torch.Tensor:
    """To 8 bits by row, over a range that holds 0."""
    low, high = values.amin(1).clamp_max(0), values.amax(1).clamp_min(0)
    scales = ((high - low) / 255).clamp_min(torch.finfo(torch.float32).eps).double()
    points = (-low / scales).round().clamp(0, 255)
    return torch.quantize_per_channel(values, scales, points, 0, torch.quint8).dequantize()


def check_table(fqn: str, table: torch.Tensor, original: torch.Tensor, order: str) -> None:
    assert table.q_per_channel_zero_points().eq(table.q_per_channel_zero_points().round()).all(), fqn
    values = table.dequantize()
    pruned = pruned_by_upstream(original if order == "sparsify_first" else rounded(original))
    if order == "sparsify_first":
        assert values[pruned].eq(0).all(), f"{fqn}: a pruned value is {values[pruned].abs().max()}"
    assert abs(values.eq(0).float().mean() - LEVEL) < 0.02, f"{fqn}: {values.eq(0).float().mean()} zeros"
    kept = values != 0
    best = rounded(original.masked_fill(pruned, 0) if order == "sparsify_first" else original)
    steps = table.q_per_channel_scales().unsqueeze(1)
    assert ((values - best).abs() <= steps * 1.01)[kept].all(), f"{fqn}: kept values are not the table's"


def check(cli: str, folder: pathlib.Path, bags: bool, kind: str, order: str) -> None:
    model, x = Texts(bags).eval(), torch.randint(0, 40, (9, 5))
    source, out = folder / "model.pt", folder / "out.pt"
    (torch.jit.script(model) if kind == "scripted" else torch.jit.trace(model, x)).save(str(source))
    options = [f"sparsity_level={LEVEL}", f"order={order}"]
    run = [cli, "convert", source, "--to", "quantized_embeddings", "--out", out, "--input-shape", "9,5"]
    run += [word for option in options for word in ("--option", option)]
    subprocess.run(run, check=True, stdout=subprocess.DEVNULL)
    after, tables = torch.jit.load(str(out)), 0
    for fqn, layer in after.named_modules():
        if getattr(layer, "original_name", "").startswith("QuantizedEmbedding"):
            tables += 1
            table = torch.ops.quantized.embedding_bag_unpack(layer._packed_params)
            weight = model.get_submodule(fqn).weight
            check_table(fqn, table, weight.detach(), order)
            weight.data = table.dequantize()
    assert tables == (1 if bags and kind == "traced" else 2), f"{tables} tables, bags {bags}, {kind}"
    with torch.no_grad():
        difference = (after(x) - model(x)).abs().max().item()
    assert difference < 1e-5, f"outputs differ by {difference}"
    print(f"bags {bags}, {kind}, {order}: {tables} tables, outputs as on the rounded tables to {difference:.1e}")


def main(cli: str) -> None:
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        for bags in (False, True):
            for kind in ("scripted", "traced"):
                for order in ("sparsify_first", "quantize_first"):
                    check(cli, pathlib.Path(folder), bags, kind, order)


if __name__ == "__main__":
    main(sys.argv[1])
