"""Random cases of every rule: shapes of 1 to 4 dimensions, every dtype and option, ragged blocks, ties, zeros, infinities,
NaN, levels that rise and fall, weights that change between steps, and options that must be refused."""

import torch

import forms
from cases import NORMS, Case, random_dtype, random_shape, random_weight

LEVELS = (-1.0, -0.0, 0.0, 0.1, 0.25, 0.5, 0.5, 0.75, 0.9, 0.99, 0.999, 1.0, 2.0)
BLOCKS = ((1, 1), (1, 2), (1, 4), (1, 4), (1, 8), (1, 16), (4, 1), (2, 2), (4, 4), (3, 5), (7, 2), (1, 3), (8, 8), (1, 80),
          (80, 1))


def level(rng):
    return rng.choice(LEVELS + (rng.random(), rng.random()))


def count_of_steps(rng):
    return rng.choice((1, 1, 2, 3, 4, 5))


def weights_over(rng, generator, steps, shapes, dtypes):
    """For every step the tensors, which change or stay; and what kind they are."""
    made, kinds = [], set()
    for step in range(steps):
        if made and rng.random() < 0.5:
            made.append(made[-1])
            continue
        drawn = [random_weight(rng, shape, dtype, generator) for shape, dtype in zip(shapes, dtypes)]
        made.append([weight for weight, _ in drawn])
        kinds |= {kind for _, kind in drawn}
    return made, "+".join(sorted(kinds))


def zeros_for(rng, block):
    size = block[0] * block[1]
    if rng.random() < 0.02:
        return rng.choice((size + 1, -1))  # to be refused
    return size if rng.random() < 0.5 else rng.randint(0, size)


def fitting(rng, shape, block, zeros):
    """A shape that holds whole blocks, as the peer wants for patterns inside them; one in seven stays ragged."""
    options = {"sparse_block_shape": block, "zeros_per_block": zeros}
    matrix, _ = forms.of_weight(torch.empty(shape), forms.along_channels(shape, options))
    ragged = matrix.shape[0] % block[0] or matrix.shape[1] % block[1]
    if not ragged or not 0 < zeros < block[0] * block[1] or rng.random() < 0.14:
        return shape
    rows, columns = block[0] * rng.randint(1, 5), block[1] * rng.randint(1, 5)
    if block[0] == 1 and rng.random() < 0.4:
        return (rng.randint(1, 6), columns, rng.randint(1, 3), rng.randint(1, 3))
    return rows, columns


def weight_norm(rng, generator, function=None):
    block = rng.choice(BLOCKS)
    zeros = zeros_for(rng, block)
    shape = fitting(rng, random_shape(rng), block, zeros)
    options = {"sparsity_level": level(rng), "sparse_block_shape": block, "zeros_per_block": zeros,
               "score": "original" if rng.random() < 0.2 else "masked"}
    if not function:
        options["norm"] = rng.choice(("1", "2"))
    steps = [{}] + [{"sparsity_level": level(rng)} if rng.random() < 0.8 else {} for _ in range(count_of_steps(rng) - 1)]
    for changes in steps[1:]:
        if len(shape) <= 2 and rng.random() < 0.2:
            other = rng.choice(BLOCKS)
            changes |= {"sparse_block_shape": other, "zeros_per_block": other[0] * other[1]}
    dtype = random_dtype(rng)
    while function and dtype == torch.float64:  # a norm of one's own is given float32
        dtype = random_dtype(rng)
    weights, kind = weights_over(rng, generator, len(steps), [shape], [dtype])
    return Case("weight_norm", options, weights, steps, function=function, kind=kind)


def custom_norm(rng, generator):
    return weight_norm(rng, generator, rng.choice(sorted(NORMS)))


def data_norm(rng, generator):
    shape = random_shape(rng)
    if rng.random() < 0.2:  # dimensions of size 1, which are squeezed
        place = rng.randint(0, len(shape))
        shape = shape[:place] + (1,) + shape[place:]
    block = rng.choice(BLOCKS)
    options = {"sparsity_level": level(rng), "sparse_block_shape": block, "zeros_per_block": zeros_for(rng, block),
               "norm": rng.choice(("L1", "L2"))}
    steps = [{}] + [{"sparsity_level": level(rng)} for _ in range(count_of_steps(rng) - 1)]
    weights, kind = weights_over(rng, generator, len(steps), [shape], [random_dtype(rng)])
    return Case("data_norm", options, weights, steps, kind=kind)


def nearly_diagonal(rng, generator):
    shape = random_shape(rng)
    while len(shape) != 2 and rng.random() < 0.9:
        shape = random_shape(rng)
    steps = [{"nearliness": rng.choice((rng.randint(-3, 9), 2 * rng.randint(0, 40) + 1))}
             for _ in range(count_of_steps(rng))]
    weights, kind = weights_over(rng, generator, len(steps), [shape], [random_dtype(rng)])
    return Case("nearly_diagonal", {"nearliness": 1}, weights, steps, kind=kind)


def n_m(rng, generator):
    n, m = rng.choice(((2, 4), (2, 4), (1, 4), (3, 4), (4, 8), (1, 2), (1, 16), (4, 4), (5, 4),
                       (rng.randint(1, 9), rng.randint(1, 9))))
    options = {"n": n, "m": m, "score": rng.choice(("masked", "masked", "original"))}
    shape = fitting(rng, random_shape(rng), (1, m), m - n)
    steps = [{} for _ in range(count_of_steps(rng))]
    weights, kind = weights_over(rng, generator, len(steps), [shape], [random_dtype(rng)])
    return Case("n_m", options, weights, steps, kind=kind)


def magnitude(rng, generator):
    tensors = rng.randint(1, 5)
    one = random_dtype(rng)
    dtypes = [random_dtype(rng) if rng.random() < 0.3 else one for _ in range(tensors)]
    options = {"sparsity_level": level(rng), "sparse_block_shape": (1, 1) if rng.random() < 0.7 else rng.choice(BLOCKS),
               "score": rng.choice(("masked", "masked", "original"))}
    steps = [{}] + [{"sparsity_level": level(rng)} for _ in range(count_of_steps(rng) - 1)]
    weights, kind = weights_over(rng, generator, len(steps), [random_shape(rng) for _ in range(tensors)], dtypes)
    return Case("magnitude", options, weights, steps, kind=kind)


def wanda(rng, generator):
    shape = random_shape(rng)
    while len(shape) < 2:
        shape = random_shape(rng)
    groups = 2 if len(shape) > 2 and shape[0] % 2 == 0 and rng.random() < 0.3 else 1
    options = {"sparsity_level": level(rng), "norm": rng.choice(("l2", "l2_squared")),
               "scope": rng.choice(("row", "layer")), "semi_structured_block_size": rng.choice((0, 0, 0, 2, 4, 4, 8, 5))}
    size = options["semi_structured_block_size"]
    if size and rng.random() < 0.7:  # torchao's groups fit
        shape = (shape[0], size * rng.randint(1, 4), *shape[2:])
    steps = [{}] + [{"sparsity_level": level(rng)} for _ in range(count_of_steps(rng) - 1)]
    weights, kind = weights_over(rng, generator, len(steps), [shape], [random_dtype(rng)])
    squares, total = [], torch.zeros(groups * shape[1], dtype=torch.float64)
    for _ in steps:  # what was seen adds up
        seen = (torch.randn(len(total), generator=generator, dtype=torch.float64) * 3) ** 2
        total = total + (seen.round() if rng.random() < 0.4 else seen)  # ties, and features that were always 0
        squares.append([total.float().double()])  # as an observer in float32 holds them
    along = 0 if groups == 1 and len(shape) == 2 and rng.random() < 0.2 else 1
    if along == 0:
        turned = [weight.transpose(0, 1).contiguous() for (weight,) in weights]
        first = [next(j for j, (other,) in enumerate(weights) if other is own) for (own,) in weights]
        weights = [[turned[j]] for j in first]
    return Case("wanda", options, weights, steps, squares, along, kind=kind)


def random(rng, generator):
    shape = random_shape(rng)
    options = {"sparsity_level": level(rng), "sparse_block_shape": rng.choice(BLOCKS), "seed": rng.randint(0, 9)}
    steps = [{}] + [{"sparsity_level": level(rng)} for _ in range(count_of_steps(rng) - 1)]
    weights, kind = weights_over(rng, generator, len(steps), [shape], [random_dtype(rng)])
    return Case("random", options, weights, steps, kind=kind)


FAMILIES = {family.__name__: family
            for family in (weight_norm, custom_norm, data_norm, nearly_diagonal, n_m, magnitude, wanda, random)}
