#include <torch/script.h>

#include <algorithm>
#include <numeric>

#include "engine/torch/structured/analysis.h"

// Operators that move elements without changing them.

namespace lacuna::structured {
namespace {

int64_t product(c10::IntArrayRef sizes, int64_t begin, int64_t end) {
    return std::accumulate(sizes.begin() + begin, sizes.begin() + end, int64_t(1), std::multiplies<>());
}

int64_t from_front(int64_t dim, int64_t rank) {
    return dim < 0 ? dim + rank : dim;
}

bool is_followed(Analysis& analysis, const Op& op) {
    const Flow& input = *op.in[0];
    if (input.is_tensor() && input.parameter < 0 && input.stacked.empty()) return input.channels.known();
    analysis.keep_inputs(op);
    return false;
}

void moved(Op& op, int64_t dim) {
    op.out[0].channels = op.in[0]->channels;
    op.out[0].channels.dim = dim;
}

/// Each channel as a run of `times` features.
Channels repeated(const Channels& from, int64_t dim, int64_t times) {
    Channels out{dim, {}, {}};
    for (size_t i = 0; i < from.ids.size(); ++i) {
        out.ids.insert(out.ids.end(), size_t(times), from.ids[i]);
        out.constant.insert(out.constant.end(), size_t(times), from.constant[i]);
    }
    return out;
}

/// Where the channels of a contiguous tensor are after it was given other sizes: in one dimension, alone or with the
/// dimensions behind them. Nothing if they were split or mixed with what lies before them.
std::optional<Channels> regrouped(const Flow& input, c10::IntArrayRef after) {
    const c10::IntArrayRef sizes = input.tensor().sizes();
    const Channels& channels = input.channels;
    const auto rank = int64_t(sizes.size());
    const int64_t before = product(sizes, 0, channels.dim), count = sizes[size_t(channels.dim)];
    const int64_t behind = product(sizes, channels.dim + 1, rank);
    if (count == 0) return std::nullopt;
    for (int64_t dim = 0; dim < int64_t(after.size()); ++dim) {
        if (product(after, 0, dim) != before) continue;
        const int64_t size = after[size_t(dim)], rest = product(after, dim + 1, int64_t(after.size()));
        if (size == 0 || size % count != 0 || size * rest != count * behind) continue;
        return repeated(channels, dim, size / count);
    }
    return std::nullopt;
}

/// flatten, view, reshape: `sizes` is the input with the new sizes, none for flatten.
void regroup(Analysis& analysis, Op& op, std::optional<size_t> sizes) {
    if (!is_followed(analysis, op)) return;
    const auto out = regrouped(*op.in[0], op.out[0].tensor().sizes());
    if (!out) return analysis.keep_inputs(op);
    op.out[0].channels = *out;
    if (sizes) analysis.patch_size(op, *sizes, out->dim, out->ids);
}

void flatten(Analysis& analysis, Op& op) {
    regroup(analysis, op, std::nullopt);
}

void view(Analysis& analysis, Op& op) {
    const auto sizes = op.index("size") ? op.index("size") : op.index("shape");
    if (sizes) return regroup(analysis, op, sizes);
    const bool same_sizes = op.out[0].tensor().sizes() == op.in[0]->tensor().sizes();  // view(dtype)
    if (is_followed(analysis, op) && same_sizes) moved(op, op.in[0]->channels.dim);
}

void permute(Analysis& analysis, Op& op) {
    if (!is_followed(analysis, op)) return;
    const auto dims = op.in[1]->value.toIntVector();
    const int64_t rank = int64_t(dims.size());
    for (int64_t i = 0; i < rank; ++i)
        if (from_front(dims[size_t(i)], rank) == op.in[0]->channels.dim) return moved(op, i);
}

void transpose(Analysis& analysis, Op& op) {
    if (!is_followed(analysis, op)) return;
    const int64_t rank = op.in[0]->tensor().dim(), dim = op.in[0]->channels.dim;
    const int64_t a = from_front(op.in[1]->value.toInt(), rank), b = from_front(op.in[2]->value.toInt(), rank);
    moved(op, dim == a ? b : dim == b ? a : dim);
}

void unsqueeze(Analysis& analysis, Op& op) {
    if (!is_followed(analysis, op)) return;
    const int64_t at = from_front(op.in[1]->value.toInt(), op.out[0].tensor().dim());
    moved(op, op.in[0]->channels.dim + (at <= op.in[0]->channels.dim));
}

/// Of stacked tensors: the only one, or a dimension of each.
bool squeeze_stacked(Op& op) {
    const Flow& input = *op.in[0];
    if (input.stacked.empty() || op.in.size() < 2 || !op.in[1]->value.isInt()) return false;
    const int64_t at = from_front(op.in[1]->value.toInt(), input.tensor().dim());
    if (op.out[0].tensor().dim() == input.tensor().dim()) return op.out[0].stacked = input.stacked, true;
    if (at == 0) return op.out[0].channels = input.stacked[0], true;
    op.out[0].stacked = input.stacked;
    for (Channels& layer : op.out[0].stacked) {
        if (at - 1 == layer.dim) return false;
        layer.dim -= at - 1 < layer.dim;
    }
    return true;
}

void squeeze(Analysis& analysis, Op& op) {
    const Flow& input = *op.in[0];
    if (input.is_tensor() && squeeze_stacked(op)) return;
    if (!is_followed(analysis, op)) return;
    // Without a dimension, what goes depends on sizes; a single channel might go itself.
    if (op.in.size() < 2 || !op.in[1]->value.isInt() || input.tensor().size(input.channels.dim) == 1)
        return analysis.keep_inputs(op);
    const int64_t at = from_front(op.in[1]->value.toInt(), input.tensor().dim());
    if (at == input.channels.dim) return analysis.keep_inputs(op);
    const bool gone = op.out[0].tensor().dim() < input.tensor().dim();
    moved(op, input.channels.dim - (gone && at < input.channels.dim));
}

/// One of the tensors that dimension 0 stacks.
bool select_stacked(Op& op) {
    const Flow& input = *op.in[0];
    if (input.stacked.empty() || op.in[2]->varies || op.in[1]->value.toInt() != 0) return false;
    const int64_t at = from_front(op.in[2]->value.toInt(), int64_t(input.stacked.size()));
    op.out[0].channels = input.stacked[size_t(at)];
    return true;
}

void select(Analysis& analysis, Op& op) {
    if (op.in[0]->is_tensor() && select_stacked(op)) return;
    if (!is_followed(analysis, op)) return;
    const Flow& input = *op.in[0];
    const int64_t dim = from_front(op.in[1]->value.toInt(), input.tensor().dim());
    if (dim == input.channels.dim) return analysis.keep_inputs(op);
    moved(op, input.channels.dim - (dim < input.channels.dim));
}

void slice(Analysis& analysis, Op& op) {
    if (op.in[0]->value.isList()) return analysis.keep_inputs(op);
    if (!is_followed(analysis, op)) return;
    const Flow& input = *op.in[0];
    const int64_t dim = from_front(op.in[1]->value.toInt(), input.tensor().dim());
    const bool all = op.out[0].tensor().size(dim) == input.tensor().size(dim);
    const bool open = op.in[2]->value.isNone() || (op.in[2]->value.isInt() && op.in[2]->value.toInt() == 0);
    const bool endless = op.in[3]->value.isNone() || (op.in[3]->value.isInt() && op.in[3]->value.toInt() > (1LL << 40));
    if (dim == input.channels.dim && !(all && open && endless)) return analysis.keep_inputs(op);
    moved(op, input.channels.dim);
}

/// Along the channels they are put one behind the other; along another dimension they must all keep the same ones.
void cat(Analysis& analysis, Op& op) {
    const Flow& list = *op.in[0];
    const int64_t rank = op.out[0].tensor().dim(), dim = from_front(op.in[1]->value.toInt(), rank);
    const Flow* followed = nullptr;
    for (const Flow& part : list.parts) {
        if (part.parameter >= 0 || !part.stacked.empty() || part.tensor().dim() != rank)
            return analysis.keep_inputs(op);
        if (part.channels.known()) followed = &part;
    }
    if (!followed || list.parts.size() != list.value.toListRef().size()) return analysis.keep_inputs(op);
    Channels out{followed->channels.dim, {}, {}};
    for (const Flow& part : list.parts)
        if (part.channels.known() && part.channels.dim != out.dim) return analysis.keep_inputs(op);
    for (const Flow& part : list.parts) {
        const auto ids = channels_along(part, out.dim);
        const auto constant = part.channels.known() ? part.channels.constant : std::vector<uint8_t>(ids.size());
        if (dim == out.dim || out.ids.empty()) {
            out.ids.insert(out.ids.end(), ids.begin(), ids.end());
            out.constant.insert(out.constant.end(), constant.begin(), constant.end());
            continue;
        }
        analysis.bonds.join(out.ids, ids, analysis.reason(op));
        for (size_t i = 0; i < ids.size(); ++i)
            out.constant[i] = out.constant[i] && constant[i] && followed->constant_value(i) == part.constant_value(i);
    }
    analysis.keep_varying(out, analysis.reason(op));
    op.out[0].channels = std::move(out);
}

/// The size of one dimension, or all of them.
void size(Analysis&, Op& op) {
    const Flow& input = *op.in[0];
    if (!input.is_tensor() || !input.channels.known()) return;
    const int64_t rank = input.tensor().dim();
    const auto channels = [&](int64_t dim) {
        return dim == input.channels.dim ? input.channels.ids : std::vector<Channel>();
    };
    if (op.in.size() > 1) {
        op.out[0].sized = channels(from_front(op.in[1]->value.toInt(), rank));
        return;
    }
    for (int64_t dim = 0; dim < rank; ++dim)
        op.out[0].parts.push_back({.value = input.tensor().size(dim), .sized = channels(dim), .varies = true});
}

void zeros(Analysis&, Op& op) {
    op.out[0].zeros = op.node;
}

}  // namespace

const RuleTable& shape_rules() {
    static const RuleTable table{{"flatten", flatten}, {"view", view},           {"reshape", view},
                                 {"permute", permute}, {"transpose", transpose}, {"unsqueeze", unsqueeze},
                                 {"squeeze", squeeze}, {"select", select},       {"slice", slice},
                                 {"cat", cat},         {"concat", cat},          {"size", size},
                                 {"zeros", zeros}};
    return table;
}

}  // namespace lacuna::structured
