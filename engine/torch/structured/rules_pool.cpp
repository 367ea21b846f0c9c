#include <torch/script.h>

#include "engine/torch/structured/analysis.h"

// Operators that look at each channel's neighbourhoods: pools, means, resizing, padding.

namespace lacuna::structured {
namespace {

/// The input's channels on the same dimension of the first output; nothing if that cannot be said.
Channels* same_channels(Analysis& analysis, Op& op) {
    const Flow& input = *op.in[0];
    if (!input.is_tensor() || input.parameter >= 0 || !input.stacked.empty()) return analysis.keep_inputs(op), nullptr;
    if (!input.channels.known()) return nullptr;
    for (size_t i = 1; i < op.in.size(); ++i)
        if (op.in[i]->is_tensor()) return analysis.keep_inputs(op), nullptr;
    op.out[0].channels = input.channels;
    return &op.out[0].channels;
}

/// Channels lie in front of the `spatial` last dimensions.
bool in_front(Analysis& analysis, const Op& op, int64_t spatial) {
    const Flow& input = *op.in[0];
    if (!input.channels.known() || input.channels.dim < input.tensor().dim() - spatial) return true;
    analysis.keep_inputs(op);
    return false;
}

int64_t spatial_dimensions(const Op& op) {
    for (const char digit : {'1', '2', '3'})
        if (op.name.find(std::string(1, digit) + "d") != op.name.npos) return digit - '0';
    return 0;
}

/// A constant that is not 0 does not survive.
void keep_nonzero(Analysis& analysis, const Op& op, const Channels& channels) {
    for (size_t i = 0; i < channels.ids.size(); ++i)
        if (channels.constant[i] && op.in[0]->constant_value(i) != 0)
            analysis.bonds.keep(channels.ids[i], analysis.reason(op));
}

void pool(Analysis& analysis, Op& op) {
    if (in_front(analysis, op, spatial_dimensions(op))) same_channels(analysis, op);
}

bool any_nonzero(const Flow* list) {
    if (!list || !list->value.isIntList()) return false;
    for (const int64_t value : list->value.toIntVector())
        if (value != 0) return true;
    return false;
}

/// The mean of a window of zeros and constants is the constant only where no zero is counted.
void average_pool(Analysis& analysis, Op& op) {
    if (!in_front(analysis, op, spatial_dimensions(op))) return;
    const Channels* channels = same_channels(analysis, op);
    if (!channels) return;
    const Flow* divisor = op.flow("divisor_override");
    const bool counts_zeros = any_nonzero(op.flow("padding")) && op.number("count_include_pad", 1) != 0;
    if (counts_zeros || (divisor && !divisor->value.isNone())) keep_nonzero(analysis, op, *channels);
}

/// mean, amax, …: over dimensions that are not the channels'.
void reduction(Analysis& analysis, Op& op) {
    const Flow& input = *op.in[0];
    const Flow* dims = op.flow("dim");
    if (!input.channels.known() || !dims || dims->value.isNone() || !input.stacked.empty() || !op.out[0].is_tensor())
        return analysis.keep_inputs(op);
    const int64_t rank = input.tensor().dim();
    std::vector<int64_t> reduced =
        dims->value.isInt() ? std::vector<int64_t>{dims->value.toInt()} : dims->value.toIntVector();
    if (reduced.empty()) return analysis.keep_inputs(op);
    int64_t before = 0;
    for (int64_t& dim : reduced) {
        if (dim < 0) dim += rank;
        if (dim == input.channels.dim) return analysis.keep_inputs(op);
        before += dim < input.channels.dim;
    }
    Channels& out = op.out[0].channels = input.channels;
    if (op.number("keepdim", 0) == 0) out.dim -= before;
    if (op.name == "sum") keep_nonzero(analysis, op, input.channels);  // how often depends on the input's size
}

/// Only what lies behind the channels is padded.
void pad(Analysis& analysis, Op& op) {
    const Flow* amounts = op.flow("pad") ? op.flow("pad") : op.flow("padding");
    if (!amounts || !amounts->value.isIntList()) return analysis.keep_inputs(op);
    if (!in_front(analysis, op, int64_t(amounts->value.toIntVector().size()) / 2)) return;
    const Channels* channels = same_channels(analysis, op);
    if (!channels) return;
    const Flow *mode = op.flow("mode"), *value = op.flow("value");
    const bool constant = op.name == "constant_pad_nd" || (mode && mode->value.toStringRef() == "constant");
    if (!constant) return;  // copies of what is there
    const double filled = value && !value->value.isNone() ? value->value.toScalar().toDouble() : 0;
    for (size_t i = 0; i < channels->ids.size(); ++i)
        if (channels->constant[i] && op.in[0]->constant_value(i) != filled)
            analysis.bonds.keep(channels->ids[i], analysis.reason(op));
}

}  // namespace

const RuleTable& pool_rules() {
    static const RuleTable table = [] {
        RuleTable rules;
        for (const char* name : {"max_pool1d", "max_pool2d", "max_pool3d", "adaptive_max_pool1d", "adaptive_max_pool2d",
                                 "adaptive_max_pool3d", "adaptive_avg_pool1d", "adaptive_avg_pool2d",
                                 "adaptive_avg_pool3d", "upsample_nearest1d", "upsample_nearest2d",
                                 "upsample_nearest3d", "upsample_linear1d", "upsample_bilinear2d"})
            rules[name] = pool;
        for (const char* name : {"avg_pool1d", "avg_pool2d", "avg_pool3d"}) rules[name] = average_pool;
        for (const char* name : {"mean", "amax", "amin", "sum"}) rules[name] = reduction;
        for (const char* name : {"pad", "constant_pad_nd", "reflection_pad1d", "reflection_pad2d", "replication_pad1d",
                                 "replication_pad2d"})
            rules[name] = pad;
        return rules;
    }();
    return table;
}

}  // namespace lacuna::structured
