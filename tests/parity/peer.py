"""The masks that torch.ao.pruning 2.11 gives, step by step: the oracle of goldens.py and fuzz.py for `ties: aten`.

Where it fails (convolutions, one dimension, narrow dtypes) it is asked about the same weights in a form that it takes: as
the matrix that Lacuna sees, in float32. What it cannot be asked at all is None; docs/parity.md lists that with the reason.
"""

import torch
from torch import nn
from torch.ao.pruning import NearlyDiagonalSparsifier, WeightNormSparsifier
from torch.ao.pruning._experimental.data_sparsifier import DataNormSparsifier
from torch.nn.utils import prune

import forms
import literal
from cases import NORMS, REFUSED, Case, wide


class Holder(nn.Module):
    """A module with a weight of any shape."""

    def __init__(self, weight):
        super().__init__()
        self.weight = nn.Parameter(weight.clone(), requires_grad=False)


class Prepared:
    """A sparsifier on one weight, which may change between steps."""

    def __init__(self, sparsifier, weight):
        self.sparsifier, self.model = sparsifier, nn.Sequential(Holder(weight))
        sparsifier.prepare(self.model, [{"tensor_fqn": "0.weight"}])

    def step(self, weight, options, fresh=False):
        """Pruned values are handed over as zeros: the peer's product makes NaN of a pruned infinity (a bug of its)."""
        parametrization = self.model[0].parametrizations.weight
        if fresh:
            parametrization[0].mask.data = torch.ones_like(weight)
        kept = parametrization[0].mask.bool()
        parametrization.original.data = torch.where(kept, weight, torch.zeros((), dtype=weight.dtype))
        self.sparsifier.groups[0].update(options)
        try:
            self.sparsifier.step()
        except ValueError:
            return REFUSED
        return parametrization[0].mask.bool()


def weight_norm(case):
    first = case.options_at(0)
    norm = NORMS[case.function] if case.function else int(first["norm"])
    channels = forms.along_channels(case.weights[0][0].shape, first)
    prepared = Prepared(WeightNormSparsifier(norm=norm), forms.of_weight(case.weights[0][0], channels)[0])
    outcomes = []
    for step, (weight,) in enumerate(case.weights):
        options = case.options_at(step)
        matrix, back = forms.of_weight(weight, channels)
        block, zeros = options["sparse_block_shape"], options["zeros_per_block"]
        ragged = matrix.shape[0] % block[0] or matrix.shape[1] % block[1]
        if ragged and 0 < zeros < block[0] * block[1] and options["sparsity_level"] > 0:
            return outcomes + [None] * (len(case.weights) - step)  # it raises, or its mask has another shape
        known = {name: options[name] for name in ("sparsity_level", "sparse_block_shape", "zeros_per_block")}
        mask = prepared.step(matrix, known, fresh=options["score"] == "original")
        outcomes.append(REFUSED if isinstance(mask, str) else [back(mask)])
    return outcomes


def n_m(case):
    """weight_norm with that block, which is how the peer spells it."""
    n, m = case.options["n"], case.options["m"]
    spelt = {"sparsity_level": 1.0, "sparse_block_shape": (1, m), "zeros_per_block": m - n, "norm": "1",
             "score": case.options["score"]}
    return weight_norm(Case("weight_norm", spelt, case.weights, [{} for _ in case.steps]))


def nearly_diagonal(case):
    prepared = Prepared(NearlyDiagonalSparsifier(), wide(case.weights[0][0]))
    outcomes = []
    for step, (weight,) in enumerate(case.weights):
        nearliness = case.options_at(step)["nearliness"]
        outcome = prepared.step(wide(weight), {"nearliness": nearliness})
        if weight.dim() != 2 and nearliness <= 0:
            outcomes.append(None)  # it gives zeros before it looks at the dimensions
        else:
            outcomes.append(outcome if isinstance(outcome, str) else [outcome])
    return outcomes


def data_norm(case):
    first = case.options_at(0)
    matrix, back = forms.of_data(case.weights[0][0], first)
    if matrix.numel() == 1 or (case.weights[0][0].squeeze().dim() > 2 and min(matrix.shape) == 1):
        return [None] * len(case.steps)  # it squeezes that once more, and cannot index what is left
    squeezed = matrix.flatten() if min(matrix.shape) == 1 else matrix
    data = squeezed.clone()
    sparsifier = DataNormSparsifier(None, norm=first["norm"])
    sparsifier.add_data("data", data)
    outcomes = []
    for step, (weight,) in enumerate(case.weights):
        options = case.options_at(step)
        data.copy_(forms.of_data(weight, first)[0].reshape(data.shape))
        known = {name: options[name] for name in ("sparsity_level", "sparse_block_shape", "zeros_per_block")}
        sparsifier.data_groups["data"].update(known)
        if options["sparsity_level"] < 0:
            outcomes.append(None)  # it slices from the end
            continue
        try:
            sparsifier.step()
            outcomes.append([back(sparsifier.get_mask("data").bool())])
        except ValueError:
            outcomes.append(REFUSED)
    return outcomes


def magnitude(case):
    """torch.nn.utils.prune.global_unstructured; what is pruned already counts as 0, as in weight_norm."""
    masks = [torch.ones(weight.shape, dtype=torch.bool) for weight in case.weights[0]]
    outcomes = []
    for step, weights in enumerate(case.weights):
        options = case.options_at(step)
        if tuple(options["sparse_block_shape"]) != (1, 1):
            return [None] * len(case.weights)  # it has no blocks
        if options["score"] == "masked":
            weights = [torch.where(mask, weight, torch.zeros((), dtype=weight.dtype))
                       for mask, weight in zip(masks, weights)]
        modules = [Holder(weight) for weight in weights]
        level = min(1.0, max(0.0, options["sparsity_level"]))
        prune.global_unstructured([(module, "weight") for module in modules], prune.L1Unstructured, amount=level)
        masks = [module.weight_mask.bool() for module in modules]
        outcomes.append(masks)
    return outcomes


def torchao_wanda(weight, squares, level, size):
    """The masks of torchao's WandaSparsifier by its formula (torch 2.11 has none), each from a mask of ones."""
    metric = weight.abs() * squares
    width, count = (size, size // 2) if size else (metric.numel(), int(metric.numel() * level))
    gone = metric.reshape(-1, width).argsort(dim=1)[:, :count]
    return torch.ones_like(metric, dtype=torch.bool).reshape(-1, width).scatter(1, gone, False).reshape(weight.shape)


def wanda(case):
    outcomes = []
    for step, (weight,) in enumerate(case.weights):
        options, squares = case.options_at(step), case.squares[step][0]
        size, level = options["semi_structured_block_size"], min(1.0, max(0.0, options["sparsity_level"]))
        inputs = weight.shape[case.along]
        if size and inputs % size:
            outcomes.append(None)  # its groups cross rows, or it raises
        elif (options["norm"], options["scope"], weight.dim(), case.along) == ("l2_squared", "layer", 2, 1):
            values = wide(weight)
            outcomes.append([torchao_wanda(values, squares.to(values.dtype), level, size)])
        else:
            outcomes.append([literal.wanda_mask(weight, squares, options, case.along, stable=False)])
    return outcomes


MASKS = {"weight_norm": weight_norm, "n_m": n_m, "nearly_diagonal": nearly_diagonal, "data_norm": data_norm,
         "magnitude": magnitude, "wanda": wanda}
