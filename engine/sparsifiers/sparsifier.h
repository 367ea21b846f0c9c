#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/progress.h"
#include "engine/mask/mask.h"
#include "engine/sparsifiers/activations.h"
#include "engine/sparsifiers/options.h"
#include "engine/tensor/tensor_view.h"

namespace lacuna {

class BlockDevice;

/// Which of equally scored weights goes first (docs/parity.md): the lower index, or ATen's topk and sort order.
enum class Ties { lowest, aten };

/// What a sparsifier gets for one tensor in one step.
struct MaskRequest {
    TensorView weight;                 ///< the original weight, not masked
    const Mask* current = nullptr;     ///< the mask so far; weights pruned there score as 0. Never null but for a cut
    const Options* options = nullptr;  ///< complete: `Sparsifier::complete` was applied
    Ties ties = Ties::lowest;
    std::string_view name;                     ///< the tensor FQN, for error messages
    const Activations* activations = nullptr;  ///< for a rule that `needs_activations`; null: there was no calibration
    BlockDevice* device = nullptr;       ///< where to compute, for a rule that `uses_device`; null: on the processor
    const Progress* progress = nullptr;  ///< asked by rules that may take long; null: never cancelled
};

/// A tensor as a rule is asked about it before anything is read.
struct NamedShape {
    std::string_view name;  ///< FQN
    const Shape& shape;
};

/// How a sparsity level and a magnitude threshold belong together for one tensor under a rule that has both.
struct ThresholdCurve {
    /// magnitude[i]: the threshold at sparsity level i / (size − 1), not decreasing, in the weights' own unit: |w| for
    /// single weights, the block's mean |w| (norm 1) or root mean square (norm 2) for blocks.
    std::vector<double> magnitude;
    double threshold_at(double level) const;  ///< by linear interpolation; level is clamped to [0, 1]
    double level_at(double threshold) const;  ///< its inverse
};

/// Where the selection among the tensors of a unit is cut: all that a mask of one of them needs to know of the others.
class JointCut {
  public:
    virtual ~JointCut() = default;
    /// The new mask of the unit's i-th tensor, for the same request as the cut was found with. Any thread may call it.
    virtual Mask mask(size_t i, const MaskRequest& request) const = 0;
};

/// Is told that tensors of a unit, by their places in it, are not looked at for now: what was read may be let go of.
using TensorsLeft = std::function<void(std::span<const size_t> tensors)>;

/// A rule that computes a mask, with self-describing options. Stateless; any thread may call it.
/// One file in engine/sparsifiers/ each; the registry is generated from that folder.
class Sparsifier {
  public:
    virtual ~Sparsifier() = default;

    virtual std::string_view name() const = 0;    ///< as in recipes: "weight_norm"
    virtual std::string_view title() const = 0;   ///< as in the window: "Weight norm"
    virtual std::string_view help() const = 0;    ///< one or two sentences
    virtual std::string_view source() const = 0;  ///< the paper or upstream class it follows
    virtual std::span<const OptionSpec> options() const = 0;

    /// Whether it can prune this tensor; the reason in words if not, e.g. "nearly_diagonal needs two dimensions".
    virtual std::string why_not(const Shape& shape, DType dtype) const = 0;
    /// Of the tensors that a glob matched and that it can prune: whether the glob means each. A rule for one kind of
    /// layer does not mean others that happen to have the shape; by its full name any can be pruned.
    virtual std::vector<bool> meant_by_glob(std::span<const NamedShape> matched) const {
        return std::vector<bool>(matched.size(), true);
    }
    /// Checks that go across options ("zeros_per_block 5 is more than the 4 weights of a 1×4 block") and, given a
    /// shape, against the tensor. Throws Error(argument) with where = the option at fault. `options` is complete.
    virtual void check(const Options& options, const Shape* shape) const = 0;
    /// What a person should know who takes these complete options for a tensor of that shape, in words: they are right,
    /// yet do other than one may think. Empty: nothing.
    virtual std::string remark(const Options&, const Shape&) const { return {}; }
    /// The new mask, of the weight's shape. `check` passed. Deterministic; threads do not matter. May throw Cancelled
    /// once `request.progress` was cancelled.
    virtual Mask compute(const MaskRequest& request) const = 0;

    /// Whether `compute` looks at the layer's input (MaskRequest::activations), so that the model must run first.
    virtual bool needs_activations() const { return false; }
    /// Whether `compute` reads the weight through prune_tensor alone, so that it may lie in the memory of
    /// MaskRequest::device and its mask come from there.
    virtual bool uses_device() const { return false; }
    /// Whether one tensor's mask depends on the others': the tensors that have this rule with equal options and are not
    /// frozen form a unit, whose masks come from one `compute_all`.
    virtual bool spans_tensors() const { return false; }
    /// The new masks of a unit, one for each request in their order; all have equal options. As `compute` otherwise.
    virtual std::vector<Mask> compute_all(std::span<const MaskRequest> unit) const;
    /// For a rule that spans tensors: whether steps that begin with masks of ones, one at each of these sparsity levels
    /// and otherwise with these options, end where `find_cut` at the last level says.
    virtual bool has_cut(const Options&, std::span<const double>, Ties) const { return false; }
    /// The same masks as `compute_all` gives where nothing is pruned yet (`current` is null in all requests), but made
    /// one at a time, and nothing is held of a weight. To be called only where `has_cut`. Throws Cancelled.
    virtual std::unique_ptr<JointCut> find_cut(std::span<const MaskRequest> unit, Progress& progress,
                                               const TensorsLeft& left) const;

    /// For a rule with a `sparsity_level`: how it maps to a magnitude, so that a line in a histogram can be dragged.
    virtual std::optional<ThresholdCurve> thresholds(const MaskRequest&) const { return std::nullopt; }
    /// The same for a unit, whose tensors share the level and with it the threshold.
    virtual std::optional<ThresholdCurve> unit_thresholds(std::span<const MaskRequest> unit) const;

    /// `given` with every left-out option filled in, defaults that depend on others (zeros_per_block) included.
    /// Throws Error(argument) for an unknown option (naming the nearest known one) or a value out of range.
    virtual Options complete(const Options& given) const;
    const OptionSpec* find_option(std::string_view name) const;
    /// A numeric option's value; nothing if this rule has no such option or it is not a number.
    std::optional<double> number(const Options& options, std::string_view name) const;
    /// Sets a numeric option in complete options. Numbers may lie outside the range that recipes keep to: schedulers
    /// are not clamped. Throws Error(argument) for an unknown option or a value that cannot be; nothing is set then.
    void set_number(Options& options, const std::string& name, double value) const;
};

/// All sparsifiers, sorted by name.
std::span<const Sparsifier* const> sparsifiers();
/// Throws Error(argument) naming the known ones (and the nearest) if there is none called `name`.
const Sparsifier& sparsifier(std::string_view name);

}  // namespace lacuna
