#include <optional>

#include "engine/base/nearest.h"
#include "engine/model/prepared_names.h"
#include "engine/session/glob.h"
#include "engine/session/recipe_error.h"

namespace lacuna {
namespace {

/// Works out the tensors of one group after the other.
class Resolver {
  public:
    Resolver(const Recipe& recipe, const Checkpoint& checkpoint)
        : recipe_(recipe), checkpoint_(checkpoint), chosen_(checkpoint.tensors().size()) {}

    std::vector<Target> run() {
        for (size_t i = 0; i < recipe_.groups.size(); ++i) take_group(i);
        std::vector<Target> targets;
        for (auto& target : chosen_)
            if (target) targets.push_back(std::move(*target));
        for (const Target& target : targets) check_fit(target);
        return targets;
    }

  private:
    [[noreturn]] void fail(RecipePlace place, const std::string& key, std::string what, std::string hint) const {
        recipe_error(recipe_.source, place, key, std::move(what), std::move(hint));
    }
    const std::string& name_of(size_t tensor) const { return checkpoint_.tensors()[tensor].name; }

    void take_group(size_t index) {
        const RecipeGroup& group = recipe_.groups[index];
        const Sparsifier& rule = sparsifier(group.sparsifier);
        const Options options = rule.complete(group.options);
        check_excepts(group);
        bool any = false;
        for (size_t i = 0; i < group.layers.size(); ++i) {
            const RecipePlace place = i < group.layer_places.size() ? group.layer_places[i] : group.place;
            const bool glob = is_glob(group.layers[i]);
            const auto tensors =
                glob ? matched(group.layers[i], place, rule) : std::vector{named(group.layers[i], place, rule)};
            for (const size_t tensor : tensors) {
                if (excepted(group, tensor)) continue;
                const auto& before = chosen_[tensor];
                const bool named = !glob || (before && before->group == index && !before->by_glob);
                chosen_[tensor] = Target{tensor, &rule, options, index, !named};
                any = true;
            }
        }
        if (!any)
            fail(group.place, "except", "takes away every tensor that layers names", "narrow it, or drop the group");
    }

    /// A glob may except nothing, so that a recipe serves several models; a name that is not there is a slip.
    void check_excepts(const RecipeGroup& group) const {
        for (const std::string& name : group.except)
            if (!is_glob(name) && !matches_any(name))
                fail(group.place, "except", "there is no tensor called \"" + shortened(name) + "\"", hint_for(name));
    }

    /// By the name in the file, or by the one that a prepared tensor has in the plain model.
    bool matches(const std::string& pattern, size_t tensor) const {
        const std::string& name = name_of(tensor);
        if (glob_matches(pattern, name)) return true;
        const std::string plain = checkpoint_.plain_name(tensor);
        return plain != name && glob_matches(pattern, plain);
    }

    bool matches_any(const std::string& pattern) const {
        for (size_t i = 0; i < checkpoint_.tensors().size(); ++i)
            if (matches(pattern, i)) return true;
        return false;
    }

    bool excepted(const RecipeGroup& group, size_t tensor) const {
        for (const auto& pattern : group.except)
            if (matches(pattern, tensor)) return true;
        return false;
    }

    /// The one tensor that a pattern without wildcards names.
    size_t named(const std::string& name, RecipePlace place, const Sparsifier& rule) const {
        const auto tensor = found(name, place);
        if (!tensor) fail(place, "layers", "there is no tensor called \"" + shortened(name) + "\"", hint_for(name));
        const TensorInfo& info = checkpoint_.tensors()[*tensor];
        if (const auto masked = checkpoint_.mask_of(*tensor))
            fail(place, "layers", name + " cannot be pruned: is the mask of " + name_of(*masked),
                 "name " + name_of(*masked));
        std::string reason = why_not_prunable(info);
        if (reason.empty()) reason = rule.why_not(info.shape, info.dtype);
        if (!reason.empty()) fail(place, "layers", name + " cannot be pruned: " + reason, "leave it out");
        return *tensor;
    }

    std::optional<size_t> found(const std::string& name, RecipePlace place) const {
        try {
            return find_prepared(checkpoint_, name);
        } catch (const Error& error) {
            fail(place, "layers", name + " " + error.problem(), error.hint());
        }
    }

    std::string hint_for(const std::string& name) const {
        for (const char* ending : {".*", ".weight"})  // a layer was named instead of its tensors
            for (const TensorInfo& tensor : checkpoint_.tensors())
                if (glob_matches(name + ending, tensor.name))
                    return "for the tensors of that layer write \"" + name + ".*\"";
        std::vector<std::string> names;
        for (const TensorInfo& tensor : checkpoint_.tensors()) names.push_back(tensor.name);
        const std::string near = nearest(name, names);
        return near.empty() ? "lacuna-cli inspect lists the names" : "did you mean " + near + "?";
    }

    /// The tensors that a glob takes: prunable without being named, and by this sparsifier.
    std::vector<size_t> matched(const std::string& glob, RecipePlace place, const Sparsifier& rule) const {
        std::vector<size_t> tensors;
        std::optional<size_t> passed_by;
        for (size_t i = 0; i < checkpoint_.tensors().size(); ++i) {
            const TensorInfo& info = checkpoint_.tensors()[i];
            if (!matches(glob, i)) continue;
            if (prunable_by_default(info) && rule.why_not(info.shape, info.dtype).empty())
                tensors.push_back(i);
            else if (!passed_by)
                passed_by = i;
        }
        std::vector<NamedShape> shapes;
        for (const size_t i : tensors) shapes.push_back({name_of(i), checkpoint_.tensors()[i].shape});
        const std::vector<bool> meant = rule.meant_by_glob(shapes);
        std::vector<size_t> taken;
        for (size_t k = 0; k < tensors.size(); ++k)
            if (meant[k]) taken.push_back(tensors[k]);
        if (!taken.empty()) return taken;
        if (!tensors.empty())
            fail(place, "layers",
                 "the glob \"" + shortened(glob) + "\" matches no layer that " + std::string(rule.name()) +
                     " is for (" + name_of(tensors[0]) + " is none)",
                 "name its tensors in full to prune them all the same");
        const std::string quoted = "\"" + shortened(glob) + "\"";
        if (!passed_by)
            fail(place, "layers", "the glob " + quoted + " matches no tensor", "lacuna-cli inspect lists the names");
        fail(place, "layers",
             "the glob " + quoted + " matches nothing that a glob prunes with " + std::string(rule.name()) + " (" +
                 name_of(*passed_by) + " " + why_passed_by(*passed_by, rule) + ")",
             "choose other tensors; floating tensors can be pruned by their full names");
    }

    std::string why_passed_by(size_t tensor, const Sparsifier& rule) const {
        const TensorInfo& info = checkpoint_.tensors()[tensor];
        if (const auto masked = checkpoint_.mask_of(tensor)) return "is the mask of " + name_of(*masked);
        if (std::string reason = why_not_prunable(info); !reason.empty()) return reason;
        if (prunable_by_default(info)) return "is left out: " + rule.why_not(info.shape, info.dtype);
        if (info.shape.size() < 2) return "has shape " + to_string(info.shape);
        return info.role == TensorRole::buffer ? "is a buffer" : "belongs to an optimizer or a sparsifier";
    }

    void check_fit(const Target& target) const {
        const RecipeGroup& group = recipe_.groups[target.group];
        if (const std::string reason = why_masks_unfit(checkpoint_, target.tensor); !reason.empty())
            fail(group.place, "layers", name_of(target.tensor) + " cannot be pruned: " + reason,
                 "leave it out (except), or save the model again");
        try {
            target.sparsifier->check(target.options, &checkpoint_.tensors()[target.tensor].shape);
        } catch (const Error& error) {
            const auto given = group.option_places.find(error.where());
            fail(given == group.option_places.end() ? group.place : given->second, error.where(),
                 "for " + name_of(target.tensor) + ": " + error.problem(), error.hint());
        }
    }

    const Recipe& recipe_;
    const Checkpoint& checkpoint_;
    std::vector<std::optional<Target>> chosen_;
};

}  // namespace

const Options& options_for(const RecipeSchedule& schedule, size_t group) {
    static const Options none;
    if (schedule.options.empty()) return none;
    return schedule.options.size() == 1 ? schedule.options[0] : schedule.options.at(group);
}

std::vector<Target> resolve(const Recipe& recipe, const Checkpoint& checkpoint) {
    return Resolver(recipe, checkpoint).run();
}

}  // namespace lacuna
