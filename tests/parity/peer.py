"""The masks that torch.ao.pruning 2.11 gives, as the oracle of make_goldens.py and fuzz.py.

Where it fails (convolutions, one dimension, narrow dtypes) it is asked about the same weights in a form that it takes:
as the matrix that Lacuna sees, in float32. See docs on parity for why.
"""

import torch
from torch import nn
from torch.ao.pruning import NearlyDiagonalSparsifier, WeightNormSparsifier


def _layer(matrix):
    layer = nn.Linear(matrix.shape[1], matrix.shape[0], bias=False, dtype=matrix.dtype)
    layer.weight = nn.Parameter(matrix.clone(), requires_grad=False)
    return nn.Sequential(layer)


def _mask(sparsifier, matrix, steps):
    model = _layer(matrix)
    sparsifier.prepare(model, [{"tensor_fqn": "0.weight"}])
    for _ in range(steps):
        sparsifier.step()
    return model[0].parametrizations.weight[0].mask.bool()


def weight_norm(weight, level, block, zeros, norm, steps=1):
    """The mask of `weight`, any rank and floating dtype, in its own shape."""
    wide = weight if weight.dtype == torch.float64 else weight.float()
    along_inner = wide.dim() > 2 and block[0] == 1 and zeros < block[1]
    if along_inner:
        moved = wide.movedim(1, -1)
        matrix = moved.reshape(-1, wide.shape[1])
    elif wide.dim() < 2:
        matrix = wide.reshape(1, -1)
    else:
        matrix = wide.flatten(1)
    sparsifier = WeightNormSparsifier(level, tuple(block), zeros, norm)
    mask = _mask(sparsifier, matrix.contiguous(), steps)
    if along_inner:
        return mask.reshape(moved.shape).movedim(-1, 1).contiguous()
    return mask.reshape(weight.shape)


def nearly_diagonal(weight, nearliness):
    return _mask(NearlyDiagonalSparsifier(nearliness), weight.float(), 1)


def block_scores(matrix, block, norm):
    """Mean score of each block, row-major, by the same pooling that the sparsifier uses."""
    scores = matrix.abs() if norm == 1 else matrix * matrix
    if block != (1, 1):
        scores = nn.functional.avg_pool2d(scores[None, None], block, block, ceil_mode=True)
    return scores.flatten()
