#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/core/ivalue.h>

#include <string>
#include <vector>

#include "engine/torch/structured/bonds.h"

namespace torch::jit {
struct Node;
}

namespace lacuna::structured {

/// What is known of one dimension of a tensor: which of its channels may leave, and which are one value all over.
struct Channels {
    int64_t dim = -1;  ///< counted from the front; -1: no channel of this tensor may leave
    std::vector<Channel> ids;
    std::vector<uint8_t> constant;

    bool known() const { return dim >= 0; }
};

/// A value of the graph as it was on the sample input, and what is known of it on every input of that rank.
struct Flow {
    c10::IValue value;
    Channels channels;                  ///< of a tensor
    std::vector<Channels> stacked;      ///< of a tensor whose dimension 0 stacks such tensors: an LSTM's last states
    std::vector<Flow> parts;            ///< of a tuple or list
    std::vector<Channel> sized;         ///< of a number: the channels whose count it comes from
    int64_t parameter = -1;             ///< index into Parameters, if it is one as it lies in the module
    torch::jit::Node* zeros = nullptr;  ///< aten::zeros that made it
    int64_t norm = -1;                  ///< index into Analysis::norms, if it is what one gives
    bool varies = false;                ///< depends on sizes or data: another input may give another number

    bool is_tensor() const { return value.isTensor() && value.toTensor().defined(); }
    const at::Tensor& tensor() const { return value.toTensor(); }
    /// The value of a constant channel.
    double constant_value(size_t channel) const;
};

/// Which slices of `tensor` along `axis` are zero everywhere.
std::vector<uint8_t> empty_slices(const at::Tensor& tensor, int64_t axis);

/// The channels along `dim`; all fixed where nothing is known of that dimension.
std::vector<Channel> channels_along(const Flow& flow, int64_t dim);

/// A tensor of the module, by identity: tied ones are one.
struct Parameter {
    std::string fqn;
    at::Tensor tensor;
    std::vector<std::vector<Channel>> axes;  ///< channels along each dimension; empty: nobody said yet
    int64_t row_axis = -1;                   ///< of a layer's weight: the dimension whose channels it makes
    bool whole = false;                      ///< used in a way that needs all of it
    std::string why;                         ///< … which one
};

/// The module's tensors and how their dimensions hang together.
class Parameters {
  public:
    explicit Parameters(Bonds& bonds) : bonds_(bonds) {}

    /// The index of `tensor`, which enters under `fqn` if it is new. Equal memory is the same parameter.
    int64_t index_of(const at::Tensor& tensor, const std::string& fqn);
    Parameter& at(int64_t index) { return all_[size_t(index)]; }
    std::vector<Parameter>& all() { return all_; }

    /// Dimension `axis` is indexed by these channels.
    void attach(int64_t index, int64_t axis, const std::vector<Channel>& ids);
    /// The channels along `axis`, new ones at the first call.
    std::vector<Channel> rows(int64_t index, int64_t axis);
    /// None of its elements may leave.
    void keep_whole(int64_t index, const std::string& why);

  private:
    Bonds& bonds_;
    std::vector<Parameter> all_;
};

/// One value at each channel of a layer's input, taken out of the layer and into its bias.
struct Fold {
    int64_t weight = -1, bias = -1;  ///< parameters; bias -1: the layer has none yet
    int64_t axis = 1;                ///< the weight's input dimension
    std::vector<double> values;      ///< of constant channels; 0 for the others
    int64_t carrier = -1;            ///< the channel that takes the others' part where a zero padding surrounds them
    std::vector<std::pair<torch::jit::Node*, size_t>> uses;  ///< the nodes, and which of their inputs is the bias
};

/// A layer norm over channels of which some leave as zeros. It makes of a zero no constant, but a number that all zeros
/// of a row have in common, times their weight, plus their bias. So without them it gives that number beside its rows,
/// for the linear layers that take both.
struct ShortNorm {
    struct Use {
        torch::jit::Node* linear;
        int64_t weight;
    };
    torch::jit::Node* node = nullptr;
    int64_t weight = -1, bias = -1;  ///< parameters; -1: it has none
    std::vector<Channel> ids;
    std::vector<Use> uses;
};

/// A number in the graph that counts channels.
struct Patch {
    torch::jit::Node* node = nullptr;
    size_t input = 0;
    int64_t element = -1;  ///< of a list; -1: the input itself
    std::vector<Channel> ids;
};

}  // namespace lacuna::structured
