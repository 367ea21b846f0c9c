#include "engine/sparsifiers/block_sparsifier.h"

#include "engine/base/error.h"
#include "engine/sparsifiers/arranged.h"
#include "engine/sparsifiers/sparsity_level.h"

namespace lacuna {
namespace {

constexpr double largest_side = 1 << 20;

}  // namespace

std::string BlockSparsifier::why_not(const Shape&, DType dtype) const {
    return is_floating(dtype) ? "" : "is " + std::string(dtype_name(dtype)) + ", not floating";
}

void BlockSparsifier::check(const Options& options, const Shape*) const {
    if (!options.has("zeros_per_block")) return;
    const BlockShape block = block_of(options);
    const int64_t zeros = options.integer("zeros_per_block"), weights = block.rows * block.columns;
    if (zeros <= weights) return;
    throw Error(ErrorKind::argument, "zeros_per_block",
                std::to_string(zeros) + " is more than the " + std::to_string(weights) + " weights of a " +
                    std::to_string(block.rows) + "×" + std::to_string(block.columns) + " block",
                "give at most " + std::to_string(weights) + ", or leave it out for the whole block");
}

Options BlockSparsifier::complete(const Options& given) const {
    Options full = Sparsifier::complete(given);
    if (find_option("zeros_per_block") && !full.has("zeros_per_block")) {
        const BlockShape block = block_of(full);
        full.set("zeros_per_block", block.rows * block.columns);
    }
    return full;
}

OptionSpec BlockSparsifier::level_option() {
    return {.name = sparsity_level_option,
            .type = OptionType::number,
            .help = "Share of the blocks that is pruned.",
            .default_value = 0.5,
            .minimum = 0,
            .maximum = 1};
}

OptionSpec BlockSparsifier::block_option() {
    return {.name = "sparse_block_shape",
            .type = OptionType::block_shape,
            .help = "Rows and columns of a block; convolutions count as O rows of I·kH·kW columns.",
            .default_value = std::vector<int64_t>{1, 4},
            .minimum = 1,
            .maximum = largest_side,
            .soft_minimum = 1,
            .soft_maximum = 32};
}

OptionSpec BlockSparsifier::zeros_option() {
    return {.name = "zeros_per_block",
            .type = OptionType::integer,
            .help = "Zeros in each pruned block; fewer than its weights prune the lowest of them (2 of 1×4: 2:4).",
            .default_text = "the whole block",
            .minimum = 0,
            .maximum = largest_side * largest_side,
            .soft_minimum = 0,
            .soft_maximum = 16};
}

void BlockSparsifier::demand_fit(const MaskRequest& request) const {
    if (const auto reason = why_not(request.weight.shape, request.weight.dtype); !reason.empty())
        throw Error(ErrorKind::argument, std::string(request.name), reason, "leave this tensor out");
    check(*request.options, &request.weight.shape);
}

BlockRule BlockSparsifier::rule_of(const MaskRequest& request) {
    return {.level = request.options->number(sparsity_level_option),
            .block = block_of(*request.options),
            .zeros = request.options->integer("zeros_per_block"),
            .ties = request.ties};
}

}  // namespace lacuna
