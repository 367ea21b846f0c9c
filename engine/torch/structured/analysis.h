#pragma once

#include <torch/csrc/jit/ir/ir.h>

#include <string>
#include <unordered_map>
#include <vector>

#include "engine/torch/structured/flow.h"

namespace lacuna::structured {

class Analysis;

/// One node of the graph as it ran on the sample.
struct Op {
    torch::jit::Node* node = nullptr;
    std::string name;  ///< "relu" for aten::relu and aten::relu_
    std::vector<const Flow*> in;
    std::vector<Flow> out;  ///< with values; a rule fills in what is known of them
    at::Tensor before;      ///< the first input as it was, where the node writes to it

    /// Which input is called `argument`; nothing if the operator has no such argument.
    std::optional<size_t> index(const char* argument) const;
    /// That input; null if there is none.
    const Flow* flow(const char* argument) const;
    /// Its number; `otherwise` if there is none.
    int64_t number(const char* argument, int64_t otherwise) const;
};

/// What a kind of operator does to channels. It must leave nothing to chance: what it cannot prove, it keeps.
using Rule = void (*)(Analysis& analysis, Op& op);
/// The rule for operators called `name`; null: none, they keep whatever comes near them.
Rule find_rule(const std::string& name);

// The rules by what they are about; each file has one table.
using RuleTable = std::unordered_map<std::string, Rule>;
const RuleTable& layer_rules();
const RuleTable& elementwise_rules();
const RuleTable& shape_rules();
const RuleTable& pool_rules();
const RuleTable& norm_rules();
const RuleTable& recurrent_rules();

/// Follows channels from the layers that make them to those that take them, along the graph, while it runs it on a
/// sample input. Control flow is followed as the sample has it; where another input could go another way, everything
/// in reach is kept.
class Analysis {
  public:
    Analysis(std::shared_ptr<torch::jit::Graph> graph, const torch::jit::Module& module, bool narrow_outputs);

    /// Runs the graph; `inputs` without self. Throws Error(argument) where it cannot run.
    void run(const std::vector<c10::IValue>& inputs);

    // What rules use.
    Bonds bonds;
    Parameters parameters{bonds};
    std::vector<Fold> folds;
    std::vector<Patch> patches;
    std::vector<ShortNorm> norms;
    std::vector<std::vector<std::vector<Channel>>> equal_counts;  ///< in each, as many channels must leave every part

    /// Nothing of `flow` leaves.
    void keep(const Flow& flow, const std::string& why);
    /// Keeps all inputs: what happens to an operator without a rule.
    void keep_inputs(const Op& op);
    /// "layer_norm of encoder.norm needs all its channels"
    std::string reason(const Op& op) const;
    /// Keeps the channels of `channels` that are not constant.
    void keep_varying(const Channels& channels, const std::string& why);
    /// The layer's constant input channels can go into its bias.
    void fold(const Fold& fold);
    /// Element `element` of the size list that is input `input` counts these channels.
    void patch_size(const Op& op, size_t input, int64_t element, const std::vector<Channel>& ids);

    std::vector<c10::IValue> outputs;  ///< what the graph gave
    std::vector<Flow> output_flows;

  private:
    void run_block(torch::jit::Block* block);
    void run_node(torch::jit::Node* node);
    void run_if(torch::jit::Node* node);
    void run_loop(torch::jit::Node* node);
    bool run_structure(torch::jit::Node* node);
    void run_operator(torch::jit::Node* node);
    void get_attribute(torch::jit::Node* node);
    Flow attribute_flow(const c10::IValue& value, const std::string& fqn);
    void keep_captured(torch::jit::Block* block, const std::string& why);
    void check_constants(Flow& flow);
    const Flow& flow_of(const torch::jit::Value* value) const { return flows_.at(value); }

    std::shared_ptr<torch::jit::Graph> graph_;
    c10::IValue self_;
    bool narrow_outputs_;
    int opaque_ = 0;  ///< inside a loop, where a node runs more than once
    std::unordered_map<const torch::jit::Value*, Flow> flows_;
};

}  // namespace lacuna::structured
