"""The rules told literally, with stable sorts: the oracle of goldens.py and fuzz.py for `ties: lowest`."""

import torch

import forms
from cases import NORMS, REFUSED, wide


def share(level, count, spare_one):
    """Blocks taken of `count`: half to even; with `spare_one` below level 1 never all of them."""
    if level <= 0 or count == 0:
        return 0
    return count if level >= 1 else min(count - (1 if spare_one else 0), round(level * count))


def prune_blocks(scores, block, zeros, taken):
    """`taken`: of the number of blocks, how many. In each block taken the `zeros` lowest scores go."""
    (rows, columns), (height, width) = scores.shape, block
    mask = torch.ones(rows, columns, dtype=torch.bool)
    means = forms.block_means(scores, block)
    across = -(-columns // width)
    for index in torch.sort(means, stable=True).indices[:taken(len(means))].tolist():
        top, left = index // across * height, index % across * width
        part = scores[top:top + height, left:left + width]
        gone = torch.sort(part.flatten(), stable=True).indices[:zeros]
        kept = torch.ones(part.numel(), dtype=torch.bool)
        kept[gone] = False
        mask[top:top + height, left:left + width] = kept.reshape(part.shape)
    return mask


def masked(weight, mask):
    return torch.where(mask, weight, torch.zeros((), dtype=weight.dtype))


def weight_norm(case):
    score = NORMS[case.function] if case.function else {"1": torch.abs, "2": lambda x: x * x}[case.options["norm"]]
    mask = torch.ones(case.weights[0][0].shape, dtype=torch.bool)
    outcomes = []
    for step, (weight,) in enumerate(case.weights):
        options = case.options_at(step)
        level, block, zeros = (options[name] for name in ("sparsity_level", "sparse_block_shape", "zeros_per_block"))
        if not 0 <= zeros <= block[0] * block[1]:
            outcomes.append(REFUSED)
            continue
        live = masked(weight, mask) if options["score"] == "masked" else weight
        matrix, back = forms.of_weight(live, forms.along_channels(weight.shape, options))
        mask = back(prune_blocks(score(matrix), block, zeros, lambda count: share(level, count, True)))
        outcomes.append([mask])
    return outcomes


def data_norm(case):
    score = {"L1": torch.abs, "L2": lambda x: x * x}[case.options["norm"]]
    outcomes = []
    for step, (weight,) in enumerate(case.weights):
        options = case.options_at(step)
        level, block, zeros = (options[name] for name in ("sparsity_level", "sparse_block_shape", "zeros_per_block"))
        if not 0 <= zeros <= block[0] * block[1]:
            outcomes.append(REFUSED)
            continue
        matrix, back = forms.of_data(weight, options)
        outcomes.append([back(prune_blocks(score(matrix), block, zeros, lambda count: share(level, count, False)))])
    return outcomes


def n_m(case):
    n, m = case.options["n"], case.options["m"]
    mask = torch.ones(case.weights[0][0].shape, dtype=torch.bool)
    outcomes = []
    for (weight,) in case.weights:
        if n > m:
            outcomes.append(REFUSED)
            continue
        live = masked(weight, mask) if case.options["score"] == "masked" else weight
        matrix, back = forms.of_weight(live, channels=live.dim() > 2 and n > 0)
        mask = back(prune_blocks(matrix.abs(), (1, m), m - n, lambda count: count))
        outcomes.append([mask])
    return outcomes


def nearly_diagonal(case):
    outcomes = []
    for step, (weight,) in enumerate(case.weights):
        nearliness = case.options_at(step)["nearliness"]
        if weight.dim() != 2 or (nearliness > 0 and (nearliness % 2 == 0 or nearliness // 2 >= min(weight.shape))):
            outcomes.append(REFUSED)
            continue
        rows, columns = torch.arange(weight.shape[0])[:, None], torch.arange(weight.shape[1])[None]
        outcomes.append([((rows - columns).abs() <= nearliness // 2) & (nearliness > 0)])
    return outcomes


def magnitude(case):
    """Blocks of all tensors compete; of equal means the earlier tensor's goes first, then the lower index."""
    masks = [torch.ones(weight.shape, dtype=torch.bool) for weight in case.weights[0]]
    outcomes = []
    for step, weights in enumerate(case.weights):
        options = case.options_at(step)
        block = options["sparse_block_shape"]
        live = [masked(weight, mask) if options["score"] == "masked" else weight for weight, mask in zip(weights, masks)]
        double = any(weight.dtype == torch.float64 for weight in weights)
        parts = [forms.of_weight(weight.double() if double else weight) for weight in live]
        means = [forms.block_means(matrix.abs(), block) for matrix, _ in parts]
        every = torch.cat(means)
        keep = torch.ones(len(every), dtype=torch.bool)
        taken = share(options["sparsity_level"], len(every), False)
        keep[torch.sort(every, stable=True).indices[:taken]] = False
        masks = [back(expanded(part, matrix.shape, block))
                 for part, (matrix, back) in zip(keep.split([len(own) for own in means]), parts)]
        outcomes.append(masks)
    return outcomes


def expanded(blocks, shape, block):
    """A flag a block as a flag a weight."""
    across = -(-shape[1] // block[1])
    flags = blocks.reshape(-1, across)
    return flags.repeat_interleave(block[0], 0).repeat_interleave(block[1], 1)[:shape[0], :shape[1]]


def lowest_of(scores, width, count, stable):
    """0 for the `count` lowest of every `width` consecutive scores."""
    order = torch.argsort(scores.reshape(-1, width), dim=1, stable=stable)[:, :count]
    return torch.ones_like(scores, dtype=torch.bool).reshape(-1, width).scatter(1, order, False).reshape(scores.shape)


def wanda_mask(weight, squares, options, along, stable=True):
    """|w|·‖x‖, as the paper has it, or squared; the squares may be those of several groups of inputs."""
    if along == 0:
        return wanda_mask(weight.transpose(0, 1), squares, options, 1, stable).transpose(0, 1).contiguous()
    values = wide(weight)
    groups = len(squares) // weight.shape[1]
    feature = (squares if options["norm"] == "l2_squared" else squares.sqrt()).to(values.dtype)
    feature = feature.reshape(groups, weight.shape[1]).repeat_interleave(weight.shape[0] // groups, dim=0)
    scores = values.abs() * feature.reshape(feature.shape + (1,) * (weight.dim() - 2))
    if size := options["semi_structured_block_size"]:
        moved = scores.movedim(1, -1)
        parts = [lowest_of(part.contiguous(), part.shape[1], min(size // 2, part.shape[1]), stable or part.shape[1] != size)
                 for part in moved.reshape(-1, weight.shape[1]).split(size, dim=1)]
        return torch.cat(parts, dim=1).reshape(moved.shape).movedim(-1, 1).contiguous()
    matrix = scores.flatten(1)
    width = matrix.shape[1] if options["scope"] == "row" else matrix.numel()
    level = min(1.0, max(0.0, options["sparsity_level"]))
    return lowest_of(matrix, width, int(level * width), stable).reshape(weight.shape)


def wanda(case):
    return [[wanda_mask(weight, case.squares[step][0], case.options_at(step), case.along)]
            for step, (weight,) in enumerate(case.weights)]


MASKS = {"weight_norm": weight_norm, "n_m": n_m, "nearly_diagonal": nearly_diagonal, "data_norm": data_norm,
         "magnitude": magnitude, "wanda": wanda}
