#include "engine/session/data_state_writer.h"

#include <unordered_set>

#include "engine/base/error.h"

namespace lacuna {
namespace {

using Entries = TorchObjectWriter::Entries;

void demand_names(std::span<const DataStateEntry> entries) {
    std::unordered_set<std::string> seen;
    for (const DataStateEntry& entry : entries) {
        if (entry.name.find('.') != std::string::npos)
            throw Error(ErrorKind::argument, entry.name, "has a dot, which PyTorch's data sparsifiers do not take",
                        "add it under a name without dots");
        if (!seen.insert(entry.name).second)
            throw Error(ErrorKind::argument, entry.name, "is the name of two tensors in a data sparsifier's state",
                        "prune one of them at a time");
    }
}

}  // namespace

std::string data_original_name(const std::string& name) {
    return "parametrizations." + name + ".original";
}

void write_data_state(std::span<const DataStateEntry> entries, const PlainValue& extras,
                      const std::filesystem::path& path, Progress& progress) {
    demand_names(entries);
    TorchObjectWriter writer;
    Entries states, groups, container;
    for (const DataStateEntry& entry : entries) {
        Entries state = TorchObjectWriter::entries(entry.state);
        state.insert(state.begin(), {"mask", writer.sparse(entry.mask)});
        states.emplace_back(entry.name, TorchObjectWriter::dict(state));
        groups.emplace_back(entry.name, TorchObjectWriter::value(entry.config));
        container.emplace_back(entry.squashed ? entry.name : data_original_name(entry.name),
                               writer.tensor(entry.dtype, entry.mask->shape(), entry.values));
    }
    Entries all{{"state", TorchObjectWriter::dict(states)},
                {"data_groups", TorchObjectWriter::dict(groups)},
                {"_container", TorchObjectWriter::dict(container)}};
    for (auto& extra : TorchObjectWriter::entries(extras)) all.push_back(std::move(extra));
    writer.write(TorchObjectWriter::dict(all), path, progress);
}

}  // namespace lacuna
