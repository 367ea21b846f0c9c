#include "engine/session/saved_names.h"

#include <algorithm>
#include <set>

#include "engine/base/error.h"
#include "engine/model/prepared_names.h"

namespace lacuna {

std::string data_name(std::string tensor_fqn) {
    std::replace(tensor_fqn.begin(), tensor_fqn.end(), '.', '_');
    return tensor_fqn;
}

void SavedNames::index() {
    if (!backwards_.empty()) return;
    for (size_t i = 0; i < checkpoint_.tensors().size(); ++i) {
        std::string name = checkpoint_.plain_name(i);
        backwards_.push_back({{name.rbegin(), name.rend()}, i});
        underlined_.push_back({data_name(std::move(name)), i});
    }
    std::ranges::sort(backwards_, {}, &Name::text);
    std::ranges::sort(underlined_, {}, &Name::text);
}

std::optional<size_t> SavedNames::find(std::string_view fqn) {
    if (const auto found = find_prepared(checkpoint_, fqn)) return found;
    index();
    const std::string ending = std::string(fqn.rbegin(), fqn.rend()) + ".";
    std::set<size_t> found;
    for (auto at = std::ranges::lower_bound(backwards_, ending, {}, &Name::text);
         at != backwards_.end() && at->text.starts_with(ending); ++at)
        found.insert(at->tensor);
    for (const Name& name : std::ranges::equal_range(underlined_, fqn, {}, &Name::text)) found.insert(name.tensor);
    if (found.size() > 1)
        throw Error(ErrorKind::argument, std::string(fqn),
                    "the model has several tensors of that name: " + checkpoint_.tensors()[*found.begin()].name +
                        " and " + checkpoint_.tensors()[*std::next(found.begin())].name,
                    "save the model's state_dict() alone");
    return found.empty() ? std::nullopt : std::optional(*found.begin());
}

}  // namespace lacuna
