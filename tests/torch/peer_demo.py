#!/usr/bin/env python3
"""Prunes the demo networks with lacuna-cli and holds the results against PyTorch: every zero in place, every kept weight
bit for bit the source's, the same accuracy on the held-out images as `lacuna-cli eval` says.

    python peer_demo.py PATH/TO/lacuna-cli DEMO_FOLDER

Exit status 0 if everything holds, 77 (skipped) where torch 2.11 with safetensors is not installed."""

import json
import pathlib
import subprocess
import sys
import tempfile

try:
    import torch
    from safetensors.torch import load_file
except ImportError as error:
    print(f"skipped: {error}; set LACUNA_PEER_PYTHON to a Python with torch 2.11 and safetensors")
    sys.exit(77)
if not torch.__version__.startswith("2.11"):
    print(f"skipped: PyTorch is {torch.__version__}, not 2.11")
    sys.exit(77)

RECIPE = """version: 1
groups:
  - layers: "*"
    sparsifier: weight_norm
    sparsity_level: 0.8
    sparse_block_shape: [1, 4]
"""


def main(cli: str, demo: pathlib.Path) -> None:
    data = load_file(demo / "digits_test.safetensors")

    def accuracy(model: torch.nn.Module) -> tuple[int, float]:
        with torch.no_grad():
            logits = model(data["inputs"])
        loss = torch.nn.functional.cross_entropy(logits.double(), data["labels"])
        return int((logits.argmax(1) == data["labels"]).sum()), loss.item()

    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "recipe.yaml").write_text(RECIPE)
        for network in ("digits_cnn", "digits_transformer"):
            check(cli, demo / f"{network}.pt", folder, demo / "digits_test.safetensors", accuracy)


def check(cli: str, source: pathlib.Path, folder: pathlib.Path, data: pathlib.Path, accuracy) -> None:
    out, masks, report = folder / source.name, folder / "masks.safetensors", folder / "report.json"
    run = [cli, "prune", source, "--recipe", folder / "recipe.yaml", "--out", out, "--masks", masks, "--report", report]
    subprocess.run(run, check=True, stdout=subprocess.DEVNULL)
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
    for path, model in ((source, dense), (out, pruned)):
        run = [cli, "eval", path, "--data", data, "--json", "-"]
        said = json.loads(subprocess.run(run, check=True, stdout=subprocess.PIPE).stdout)
        correct, loss = accuracy(model)
        assert said["accuracy"] == correct / said["samples"], f"{path}: {said} against {correct} in PyTorch"
        assert abs(said["loss"] - loss) < 1e-5, f"{path}: loss {said['loss']} against {loss} in PyTorch"
        print(f"{path.name}: {correct} of {said['samples']} right, loss {loss:.4f}, as PyTorch says")


if __name__ == "__main__":
    main(sys.argv[1], pathlib.Path(sys.argv[2]))
