#include <torch/script.h>

#include "engine/base/error.h"
#include "engine/torch/structured/analysis.h"

// Nodes that only put values together and take them apart again.

namespace lacuna::structured {
namespace jit = torch::jit;
namespace {

c10::IValue list_of(const c10::TypePtr& type, const std::vector<Flow>& parts) {
    c10::impl::GenericList list(type->expectRef<c10::ListType>().getElementType());
    for (const Flow& part : parts) list.push_back(part.value);
    return list;
}

c10::IValue tuple_of(const c10::TypePtr& type, const std::vector<Flow>& parts) {
    std::vector<c10::IValue> elements;
    for (const Flow& part : parts) elements.push_back(part.value);
    const auto tuple = type->expect<c10::TupleType>();
    return tuple->name() ? c10::ivalue::Tuple::createNamed(std::move(elements), tuple)
                         : c10::ivalue::Tuple::create(std::move(elements));
}

c10::IValue dict_of(const c10::TypePtr& type, const std::vector<Flow>& parts) {
    const auto& known = type->expectRef<c10::DictType>();
    c10::impl::GenericDict dict(known.getKeyType(), known.getValueType());
    for (size_t i = 0; i + 1 < parts.size(); i += 2) dict.insert_or_assign(parts[i].value, parts[i + 1].value);
    return dict;
}

/// What is known of element `at` of a tuple or list.
Flow part_of(const Flow& whole, size_t at, size_t size) {
    Flow part;
    if (whole.parts.size() == size) part = whole.parts[at];
    if (whole.value.isTuple()) part.value = whole.value.toTupleRef().elements()[at];
    if (whole.value.isList()) part.value = whole.value.toListRef()[at];
    part.varies |= whole.varies;
    part.sized.insert(part.sized.end(), whole.sized.begin(), whole.sized.end());
    return part;
}

}  // namespace

bool Analysis::run_structure(jit::Node* node) {
    std::vector<Flow> parts;
    const auto out = [&](Flow flow, size_t at = 0) { flows_[node->outputs()[at]] = std::move(flow); };
    const auto construct = [&](c10::IValue (*build)(const c10::TypePtr&, const std::vector<Flow>&)) {
        for (const jit::Value* input : node->inputs()) parts.push_back(flow_of(input));
        Flow flow;
        flow.value = build(node->output()->type(), parts);
        flow.parts = parts;
        for (const Flow& part : parts) flow.varies |= part.varies && !part.is_tensor();
        out(std::move(flow));
    };
    switch (node->kind()) {
        case c10::prim::ListConstruct:
            construct(list_of);
            return true;
        case c10::prim::TupleConstruct:
            construct(tuple_of);
            return true;
        case c10::prim::DictConstruct:
            construct(dict_of);
            return true;
        case c10::prim::TupleUnpack:
        case c10::prim::ListUnpack: {
            const Flow whole = flow_of(node->input());
            const size_t count = node->outputs().size();
            if (whole.value.isList() && whole.value.toListRef().size() != count)
                throw Error(ErrorKind::argument, "ListUnpack", "the sample gives another number of elements");
            for (size_t i = 0; i < count; ++i) out(part_of(whole, i, count), i);
            return true;
        }
        case c10::prim::TupleIndex: {
            const Flow whole = flow_of(node->inputs()[0]);
            const auto count = int64_t(whole.value.toTupleRef().elements().size());
            const int64_t at = flow_of(node->inputs()[1]).value.toInt();
            out(part_of(whole, size_t(at < 0 ? at + count : at), size_t(count)));
            return true;
        }
        case c10::aten::__getitem__: {
            const Flow whole = flow_of(node->inputs()[0]);
            if (!whole.value.isList()) return false;
            const auto count = int64_t(whole.value.toListRef().size());
            const int64_t at = flow_of(node->inputs()[1]).value.toInt(), place = at < 0 ? at + count : at;
            if (place < 0 || place >= count) return false;  // the operator says what is wrong
            const Flow& index = flow_of(node->inputs()[1]);
            if (index.varies) keep(whole, "an index that depends on sizes or data picks one of them");
            out(part_of(whole, size_t(place), size_t(count)));
            return true;
        }
        case c10::prim::unchecked_cast:
            out(flow_of(node->input()));
            return true;
        case c10::prim::Uninitialized:
            out({});
            return true;
        case c10::prim::RaiseException:
            throw Error(ErrorKind::argument, "the model", "raises an exception on the sample input",
                        "give data, or an input shape, that the model was made for");
        case c10::prim::CallMethod:
        case c10::prim::CallFunction:
        case c10::prim::SetAttr:
        case c10::prim::CreateObject:
        case c10::prim::fork:
        case c10::prim::isinstance:
            throw Error(ErrorKind::argument, node->kind().toQualString(), "models that do this cannot be rewritten",
                        "use the masked model as it is");
        default:
            return false;
    }
}

}  // namespace lacuna::structured
