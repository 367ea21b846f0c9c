"""How Lacuna sees a tensor as a matrix, so that a rule for matrices can be asked about any shape."""

import torch

from cases import wide


def along_channels(shape, options):
    """Patterns inside blocks of one row run along the input channels of convolutions."""
    rows, columns = options["sparse_block_shape"]
    return len(shape) > 2 and rows == 1 and options["zeros_per_block"] < columns


def of_weight(weight, channels=False):
    """The matrix, and a function that gives a mask of it the weight's shape."""
    values = wide(weight)
    if channels:
        moved = values.movedim(1, -1)
        return (moved.reshape(-1, values.shape[1]).contiguous(),
                lambda mask: mask.reshape(moved.shape).movedim(-1, 1).contiguous())
    matrix = values.reshape(1, -1) if values.dim() < 2 else values.flatten(1)
    return matrix.contiguous(), lambda mask: mask.reshape(weight.shape)


def of_data(data, options):
    """The same for data_norm, which squeezes first."""
    squeezed = wide(data).squeeze()
    if squeezed.dim() <= 2:
        matrix = squeezed if squeezed.dim() == 2 else squeezed.reshape(1, -1)
        return matrix.contiguous(), lambda mask: mask.reshape(data.shape)
    return of_weight(data, along_channels(data.shape, options))


def block_means(scores, block):
    """The mean score of each block, row-major, by the pooling that the sparsifiers use."""
    if tuple(block) == (1, 1):
        return scores.flatten()
    return torch.nn.functional.avg_pool2d(scores[None, None], tuple(block), tuple(block), ceil_mode=True).flatten()
