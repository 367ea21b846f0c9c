#include <torch/script.h>

#include "engine/torch/structured/analysis.h"
#include "engine/torch/structured/flat_module.h"

// Branches and loops. The sample's way through them is followed; what another input might do is kept.

namespace lacuna::structured {
namespace jit = torch::jit;
namespace {

const std::string another_way = "a branch of the code depends on sizes or data";

}  // namespace

void Analysis::run_if(jit::Node* node) {
    const Flow& condition = flow_of(node->input());
    bonds.keep(condition.sized, another_way);
    if (condition.varies)
        for (jit::Block* block : node->blocks()) keep_captured(block, another_way);
    jit::Block* taken = node->blocks()[condition.value.toBool() ? 0 : 1];
    opaque_ += condition.varies;
    run_block(taken);
    opaque_ -= condition.varies;
    for (size_t i = 0; i < node->outputs().size(); ++i) {
        Flow flow = flow_of(taken->outputs()[i]);
        if (condition.varies) {
            keep(flow, another_way);
            flow.varies = true;
        }
        flows_[node->outputs()[i]] = std::move(flow);
    }
}

void Analysis::run_loop(jit::Node* node) {
    const std::string why = "a loop uses them";
    for (const jit::Value* input : node->inputs()) keep(flow_of(input), why);
    jit::Block* body = node->blocks()[0];
    keep_captured(body, why);
    ++opaque_;
    std::vector<Flow> carried;
    for (size_t i = 2; i < node->inputs().size(); ++i) carried.push_back(flow_of(node->inputs()[i]));
    const int64_t trips = flow_of(node->inputs()[0]).value.toInt();
    bool again = flow_of(node->inputs()[1]).value.toBool();
    for (int64_t trip = 0; trip < trips && again; ++trip) {
        Flow counter;
        counter.value = trip;
        counter.varies = true;
        flows_[body->inputs()[0]] = counter;
        for (size_t i = 0; i < carried.size(); ++i) flows_[body->inputs()[i + 1]] = carried[i];
        run_block(body);
        again = flow_of(body->outputs()[0]).value.toBool();
        for (size_t i = 0; i < carried.size(); ++i) carried[i] = flow_of(body->outputs()[i + 1]);
    }
    --opaque_;
    for (size_t i = 0; i < carried.size(); ++i) {
        carried[i].varies = true;
        flows_[node->outputs()[i]] = std::move(carried[i]);
    }
}

void Analysis::keep_captured(jit::Block* block, const std::string& why) {
    for (jit::Node* node : block->nodes()) {
        if (node->kind() == c10::prim::GetAttr) {
            if (const auto fqn = fqn_of(node->output()))
                for (const Parameter& parameter : parameters.all())
                    if (parameter.fqn == *fqn) parameters.keep_whole(&parameter - parameters.all().data(), why);
        }
        for (const jit::Value* input : node->inputs())
            if (const auto known = flows_.find(input); known != flows_.end()) keep(known->second, why);
        for (jit::Block* inner : node->blocks()) keep_captured(inner, why);
    }
    for (const jit::Value* output : block->outputs())
        if (const auto known = flows_.find(output); known != flows_.end()) keep(known->second, why);
}

}  // namespace lacuna::structured
