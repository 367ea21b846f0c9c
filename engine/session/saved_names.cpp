#include "engine/session/saved_names.h"

#include "engine/base/error.h"

namespace lacuna {

std::string unprepared_name(std::string_view name) {
    constexpr std::string_view folder = "parametrizations.", original = ".original", pruned = "_orig";
    if (name.ends_with(pruned)) return std::string(name.substr(0, name.size() - pruned.size()));
    const size_t at = name.rfind(folder);
    const bool own_part = at == 0 || (at != std::string_view::npos && name[at - 1] == '.');
    if (!own_part || !name.ends_with(original) || name.size() <= at + folder.size() + original.size())
        return std::string(name);
    std::string plain(name.substr(0, at));
    plain += name.substr(at + folder.size());
    plain.resize(plain.size() - original.size());
    return plain;
}

std::optional<size_t> find_saved(const Checkpoint& checkpoint, std::string_view fqn) {
    if (const auto exact = checkpoint.find(fqn)) return exact;
    std::optional<size_t> found, below;
    const std::string ending = "." + std::string(fqn);
    for (size_t i = 0; i < checkpoint.tensors().size(); ++i) {
        const std::string name = unprepared_name(checkpoint.tensors()[i].name);
        std::optional<size_t>& place = name == fqn ? found : below;
        if (name != fqn && !name.ends_with(ending)) continue;
        if (place)
            throw Error(ErrorKind::argument, std::string(fqn),
                        "the model has several tensors of that name: " + checkpoint.tensors()[*place].name + " and " +
                            checkpoint.tensors()[i].name,
                        "save the model's state_dict() alone");
        place = i;
    }
    return found ? found : below;
}

}  // namespace lacuna
