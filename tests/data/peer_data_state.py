#!/usr/bin/env python3
"""Takes the states of data sparsifiers from torch.ao.pruning to Lacuna and back, as session/peer_state.py does for models.

    tests/support/run_peer.sh tests/data/peer_data_state.py PATH/TO/state_tool

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


def sparsifier(norm: str) -> DataNormSparsifier:
    return DataNormSparsifier(sparsity_level=0.3, sparse_block_shape=(1, 4), zeros_per_block=4, norm=norm)


def compare(theirs: dict, ours: dict, what: str) -> None:
    assert theirs["state"].keys() == ours["state"].keys(), what
    for name, state in theirs["state"].items():
        mask, other = state["mask"].to_dense(), ours["state"][name]["mask"].to_dense()
        assert mask.dtype == other.dtype and torch.equal(mask, other), f"{what}: the masks of {name} differ"
        for key, value in theirs["data_groups"][name].items():
            assert ours["data_groups"][name][key] == value, (what, name, key)
    assert theirs["_container"].keys() == ours["_container"].keys(), (what, theirs["_container"].keys())
    for key, values in theirs["_container"].items():
        assert torch.equal(values, ours["_container"][key]), f"{what}: the values of {key} differ"


def check(tool: str, folder: pathlib.Path, norm: str, legacy: bool) -> None:
    what = f"{norm}, {'legacy' if legacy else 'zip'}"

    def lacuna(source: str, out: str, level: float) -> dict:
        subprocess.run([tool, folder / source, folder / out, norm, str(level)], check=True)
        return torch.load(folder / out, weights_only=True)

    torch.manual_seed(11)
    theirs = sparsifier(norm)
    theirs.add_data("table", torch.randn(16, 24))
    theirs.add_data("weights", nn.Parameter(torch.randn(9, 10)), sparse_block_shape=(3, 2), zeros_per_block=6)
    theirs.add_data("embedding", nn.Embedding(10, 12), zeros_per_block=2)
    theirs.add_data("bag", nn.EmbeddingBag(5, 8))
    theirs.step()
    theirs.squash_mask(names=["bag"])
    torch.save(theirs.state_dict(), folder / "theirs.pt", _use_new_zipfile_serialization=not legacy)
    # There, then here, at another level; a squashed tensor takes no further part (upstream's step fails on it).
    ours = lacuna("theirs.pt", "ours.pt", 0.6)
    for name in ("table", "weights", "embedding"):
        theirs.data_groups[name]["sparsity_level"] = 0.6
        theirs.update_mask(name, theirs.get_data(name), **theirs.data_groups[name])
    theirs.data_groups["bag"]["sparsity_level"] = 0.6
    compare(theirs.state_dict(), ours, f"{what}: there, then here")
    # Here, then there, twice.
    for _ in range(2):
        back = sparsifier(norm)
        back.load_state_dict(torch.load(folder / "ours.pt", weights_only=True))
        compare(theirs.state_dict(), back.state_dict(), f"{what}: loaded there")
    for one in (back, theirs):
        one.data_groups["table"]["sparsity_level"] = 0.9
        one.update_mask("table", one.get_data("table"), **one.data_groups["table"])
    compare(theirs.state_dict(), back.state_dict(), f"{what}: here, then there")


def main(tool: str) -> None:
    for norm in ("L1", "L2"):
        for legacy in (False, True):
            with tempfile.TemporaryDirectory() as folder:
                check(tool, pathlib.Path(folder), norm, legacy)
    print("states of data sparsifiers go there and back")


if __name__ == "__main__":
    main(sys.argv[1])
