#!/usr/bin/env python3
"""Prunes the demo networks with lacuna-cli and holds the results against PyTorch: every zero in place, every kept weight
bit for bit the source's, the same accuracy on the held-out images as `lacuna-cli eval` says.

    tests/support/run_peer.sh tests/torch/peer_demo.py PATH/TO/lacuna-cli DEMO_FOLDER

Exit status 0 if everything holds, 77 (skipped) where torch 2.11 with safetensors is not installed."""

import json
import pathlib
import sys
import tempfile

from peer_torch import need

need("safetensors")
import torch
from safetensors.torch import load_file

from peer_files import demand_equal_accuracy, evaluate, prune


def main(cli: str, demo: pathlib.Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for network in ("digits_cnn", "digits_transformer"):
            check(cli, demo / f"{network}.pt", pathlib.Path(folder), demo / "digits_test.safetensors")


def check(cli: str, source: pathlib.Path, folder: pathlib.Path, data: pathlib.Path) -> None:
    out, masks, report = folder / source.name, folder / "masks.safetensors", folder / "report.json"
    prune(cli, source, out, '"*"', 0.8, "--masks", masks, "--report", report)
    dense, pruned, kept = torch.jit.load(str(source)), torch.jit.load(str(out)), load_file(masks)
    before, after = dense.state_dict(), pruned.state_dict()
    assert list(before) == list(after), "names and order"
    zeros = 0
    for fqn, weight in before.items():
        mask = kept.pop(fqn, torch.ones_like(weight, dtype=torch.uint8)).bool()
        expected = weight.masked_fill(~mask, 0.0)
        assert torch.equal(after[fqn].view(torch.int32), expected.view(torch.int32)), f"{fqn}: bits differ"
        zeros += int((~mask).sum())
    assert not kept, f"masks of no tensor: {list(kept)}"
    assert zeros == json.loads(report.read_text())["total"]["zeros"] > 0
    samples = load_file(data)
    for path, model in ((source, dense), (out, pruned)):
        said = evaluate(cli, path, data)
        with torch.no_grad():
            logits = model(samples["inputs"])
        correct = demand_equal_accuracy(said, logits, samples["labels"], path)
        loss = torch.nn.functional.cross_entropy(logits.double(), samples["labels"]).item()
        assert abs(said["loss"] - loss) < 1e-5, f"{path}: loss {said['loss']} against {loss} in PyTorch"
        print(f"{path.name}: {correct} of {said['samples']} right, loss {loss:.4f}, as PyTorch says")


if __name__ == "__main__":
    main(sys.argv[1], pathlib.Path(sys.argv[2]))
