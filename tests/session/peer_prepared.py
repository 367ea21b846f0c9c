#!/usr/bin/env python3
"""Takes checkpoints of models that Python prepared to Lacuna, which prunes on from the masks in them: the masks must be
those of the Python run that goes on, what is written must load into the prepared model as its own state does and, with
squashed names, strictly into the plain one, and all must compute the same.

    tests/support/run_peer.sh tests/session/peer_prepared.py PATH/TO/lacuna-cli

Exit status 0 if everything holds, 77 (skipped) where torch 2.11 and safetensors are not installed."""

import pathlib
import subprocess
import sys
import tempfile
import warnings

from peer_torch import need

need("safetensors")
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.ao.pruning import FakeSparsity, NearlyDiagonalSparsifier, WeightNormSparsifier
from torch.ao.pruning._experimental.pruner import SaliencyPruner
from torch.nn.utils import prune

warnings.simplefilter("ignore")
WEIGHTS = ("0.weight", "2.weight")
BLOCKS = {"sparse_block_shape": (1, 4), "zeros_per_block": 4}
SINGLE = {"sparse_block_shape": (1, 1), "zeros_per_block": 1}
HALVES = {"sparse_block_shape": (1, 4), "zeros_per_block": 2}  # its masks are of bool
INPUT = torch.linspace(-1, 1, 5 * 16).reshape(5, 16)


class SavedSparsity(FakeSparsity):
    """A FakeSparsity whose mask is saved with the model."""

    state_dict = nn.Module.state_dict


def plain() -> nn.Sequential:
    torch.manual_seed(11)
    return nn.Sequential(nn.Linear(16, 12), nn.ReLU(), nn.Linear(12, 8)).eval()


def prepared(sparsifier, masks: dict | None = None, **more):
    model = plain()
    config = [{"tensor_fqn": fqn, **more, **({"mask": masks[fqn].clone()} if masks else {})} for fqn in WEIGHTS]
    sparsifier.prepare(model, config)
    return model


def recipe(options: dict, sparsifier: str = "weight_norm", level: float | None = 0.7) -> str:
    text = f"version: 1\nties: aten\ngroups:\n  - layers: [{', '.join(WEIGHTS)}]\n    sparsifier: {sparsifier}\n"
    for name, value in {**options, **({} if level is None else {"sparsity_level": level})}.items():
        text += f"    {name}: {list(value) if isinstance(value, tuple) else value}\n"
    return text


def live_masks(model) -> dict:
    return {fqn: model[int(fqn[0])].parametrizations.weight[0].mask.bool() for fqn in WEIGHTS}


class Lacuna:
    def __init__(self, cli: str, folder: pathlib.Path):
        self.cli, self.folder = cli, folder

    def prune(self, model: str, text: str, *more) -> pathlib.Path:
        (self.folder / "recipe.yaml").write_text(text)
        before = (self.folder / model).read_bytes()
        subprocess.run([self.cli, "prune", self.folder / model, "--recipe", self.folder / "recipe.yaml", "--out",
                        self.folder / "out", "--masks", self.folder / "masks", *more], check=True,
                       stdout=subprocess.PIPE)
        assert (self.folder / model).read_bytes() == before, "the source changed"
        return self.folder / "out"

    def masks(self) -> dict:
        return {name: mask.bool() for name, mask in load_file(self.folder / "masks").items()}

    def save(self, state: dict, name: str, kind: str) -> str:
        path = self.folder / name
        if kind == "safetensors":
            save_file({key: value.contiguous() for key, value in state.items()}, path)
        elif kind == "nested":
            torch.save({"epoch": 3, "state_dict": state, "lr": [0.5]}, path)
        else:
            torch.save(state, path, _use_new_zipfile_serialization=kind != "legacy")
        return name

    def load(self, path: pathlib.Path, kind: str) -> dict:
        if kind == "safetensors":
            return load_file(path)
        state = torch.load(path, weights_only=True)
        if kind != "nested":
            return state
        assert state["epoch"] == 3 and state["lr"] == [0.5], "what stands around the state was lost"
        return state["state_dict"]


KINDS = ("zip", "legacy", "nested", "safetensors")


def same_masks(ours: dict, theirs: dict, name_of, what: str) -> None:
    assert len(ours) == len(theirs), (what, ours.keys())
    for fqn, mask in theirs.items():
        assert torch.equal(ours[name_of(fqn)], mask.expand_as(ours[name_of(fqn)])), f"{what}: the masks of {fqn} differ"
        assert (~mask).any() and mask.any(), f"{what}: {fqn} proves nothing"


def same_outputs(model, theirs, what: str) -> None:
    assert torch.equal(model(INPUT), theirs(INPUT)), f"{what}: the outputs differ"


def check_file(lacuna: Lacuna, state: dict, kind: str, text: str, theirs, masks: dict, fresh, name_of, what: str,
               *more) -> dict:
    """Prunes a state_dict and compares with the Python run `theirs`; `fresh` makes a prepared model to load into."""
    below = "state_dict." if kind == "nested" else ""
    for fqn in WEIGHTS:
        text = text.replace(fqn, below + fqn)
    name = lacuna.save(state, "model", kind)
    loaded = lacuna.load(lacuna.prune(name, text, *more), kind)
    same_masks(lacuna.masks(), masks, lambda fqn: below + name_of(fqn), what)
    assert list(loaded) == list(state) or kind == "safetensors", f"{what}: the names or their order changed"
    assert all(loaded[key].dtype == state[key].dtype for key in state), f"{what}: types changed"
    model = fresh()
    missing = fresh().load_state_dict(state, strict=False)  # FakeSparsity leaves its mask out of PyTorch's own file too
    assert model.load_state_dict(loaded, strict=False) == missing, f"{what}: it loads otherwise than PyTorch's own file"
    assert not missing.unexpected_keys and all(key.endswith(".0.mask") for key in missing.missing_keys), missing
    same_outputs(model, theirs, what)
    squashed = plain()
    squashed.load_state_dict(lacuna.load(lacuna.prune(name, text, "--squash-names", *more), kind), strict=True)
    same_masks(lacuna.masks(), masks, lambda fqn: below + fqn, f"{what}, squashed")
    same_outputs(squashed, theirs, f"{what}, squashed")
    return loaded


def parametrized(fqn: str) -> str:
    return f"{fqn[0]}.parametrizations.weight.original"


def check_ao_pruning(lacuna: Lacuna, kind: str, options: dict) -> None:
    """Its masks are not in the file: they come with the sparsifier's state."""
    diagonal = "nearliness" in options
    what = f"torch.ao.pruning, {options}, {kind}"
    sparsifier = NearlyDiagonalSparsifier(**options) if diagonal else WeightNormSparsifier(0.4, **options)
    theirs = prepared(sparsifier)
    sparsifier.step()
    torch.save(sparsifier.state_dict(), lacuna.folder / "state.pt")
    state = {key: value.clone() for key, value in theirs.state_dict().items()}
    assert not any("mask" in key for key in state)
    for group in sparsifier.groups:
        group["sparsity_level"] = 0.7
    sparsifier.step()
    text = recipe({}, "nearly_diagonal", None) if diagonal else recipe(options)
    check_file(lacuna, state, kind, text, theirs, live_masks(theirs),
               lambda: prepared(WeightNormSparsifier(), live_masks(theirs)), parametrized, what, "--state",
               lacuna.folder / "state.pt")


def check_saved_masks(lacuna: Lacuna, kind: str, options: dict) -> None:
    """Masks that a parametrization saves with the model: a run goes on from the file alone."""
    what = f"saved masks, {options}, {kind}"
    sparsifier = WeightNormSparsifier(0.4, **options)
    theirs = prepared(sparsifier, parametrization=SavedSparsity)
    sparsifier.step()
    state = {key: value.clone() for key, value in theirs.state_dict().items()}
    assert "0.parametrizations.weight.0.mask" in state
    for group in sparsifier.groups:
        group["sparsity_level"] = 0.7
    sparsifier.step()
    loaded = check_file(lacuna, state, kind, recipe(options), theirs, live_masks(theirs),
                        lambda: prepared(WeightNormSparsifier(), parametrization=SavedSparsity), parametrized, what)
    for fqn, mask in live_masks(theirs).items():
        assert torch.equal(loaded[f"{fqn[0]}.parametrizations.weight.0.mask"].bool(), mask), f"{what}: {fqn} in the file"


def pruned() -> nn.Sequential:
    model = plain()
    prune.random_unstructured(model[0], "weight", 0.3)
    prune.ln_structured(model[2], "weight", 0.25, 2, 1)
    return model


def identity() -> nn.Sequential:
    model = plain()
    for layer in (model[0], model[2]):
        prune.identity(layer, "weight")
    return model


def check_nn_prune(lacuna: Lacuna, kind: str, options: dict) -> None:
    """torch.nn.utils.prune's masks, gone on from by torch.ao.pruning's rule."""
    model = pruned()
    sparsifier = WeightNormSparsifier(0.7, **options)
    theirs = prepared(sparsifier, {fqn: model[int(fqn[0])].weight_mask for fqn in WEIGHTS})
    sparsifier.step()
    check_file(lacuna, model.state_dict(), kind, recipe(options), theirs, live_masks(theirs), identity,
               lambda fqn: fqn + "_orig", f"torch.nn.utils.prune, {options}, {kind}")


def check_pickled_module(lacuna: Lacuna) -> None:
    model = pruned()
    torch.save(model, lacuna.folder / "module.pt")
    sparsifier = WeightNormSparsifier(0.7, **SINGLE)
    theirs = prepared(sparsifier, {fqn: model[int(fqn[0])].weight_mask for fqn in WEIGHTS})
    sparsifier.step()
    out = lacuna.prune("module.pt", recipe(SINGLE))
    same_masks(lacuna.masks(), live_masks(theirs), lambda fqn: fqn + "_orig", "a pickled module")
    same_outputs(torch.load(out, weights_only=False), theirs, "a pickled module")


def check_traced(lacuna: Lacuna) -> None:
    """A script holds the masks, and code that multiplies with them; PyTorch runs traced ones alone."""
    what = "traced"
    sparsifier = WeightNormSparsifier(0.4, **BLOCKS)
    theirs = prepared(sparsifier)
    sparsifier.step()
    torch.jit.trace(theirs, INPUT).save(lacuna.folder / "traced.pt")
    for group in sparsifier.groups:
        group["sparsity_level"] = 0.7
    sparsifier.step()
    script = torch.jit.load(lacuna.prune("traced.pt", recipe(BLOCKS)))
    same_masks(lacuna.masks(), live_masks(theirs), parametrized, what)
    same_outputs(script, theirs, what)
    buffers = dict(script.named_buffers())
    for fqn, mask in live_masks(theirs).items():
        assert torch.equal(buffers[f"{fqn[0]}.parametrizations.weight.0.mask"].bool(), mask), f"{what}: {fqn}"


def check_structured(lacuna: Lacuna, kind: str) -> None:
    """Rows: the structured pruners' biases are called _bias, and their masks are not in the file."""
    sparsifier = SaliencyPruner({})
    model = plain()
    sparsifier.prepare(model, [{"tensor_fqn": fqn, "sparsity_level": 0.5, "prune_bias": False} for fqn in WEIGHTS])
    state = {key: value.clone() for key, value in model.state_dict().items()}
    assert "0._bias" in state
    sparsifier.step()
    masks = {fqn: mask[:, None] for fqn, mask in live_masks(model).items()}

    def fresh():
        other = plain()
        again = SaliencyPruner({})
        again.prepare(other, [{"tensor_fqn": fqn, "sparsity_level": 0.5, "prune_bias": False} for fqn in WEIGHTS])
        return other

    check_file(lacuna, state, kind, recipe({}, "saliency", 0.5), model, masks, fresh, parametrized,
               f"structured, {kind}")


def main(cli: str) -> None:
    with tempfile.TemporaryDirectory() as folder, torch.no_grad():
        lacuna = Lacuna(cli, pathlib.Path(folder))
        for kind in KINDS:
            for options in (BLOCKS, SINGLE, HALVES):
                check_ao_pruning(lacuna, kind, options)
                check_saved_masks(lacuna, kind, options)
                check_nn_prune(lacuna, kind, options)
            check_ao_pruning(lacuna, kind, {"nearliness": 5})
            check_structured(lacuna, kind)
        check_pickled_module(lacuna)
        check_traced(lacuna)
    print("prepared models go on as in Python, load there, and load squashed into plain models")


if __name__ == "__main__":
    main(sys.argv[1])
