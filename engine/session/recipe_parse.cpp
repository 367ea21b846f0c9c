#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <set>

#include "engine/base/nearest.h"
#include "engine/schedulers/schedule.h"
#include "engine/session/recipe_error.h"
#include "engine/session/recipe_keys.h"
#include "engine/session/recipe_node.h"
#include "engine/session/recipe_text.h"
#include "engine/sparsifiers/sparsity_level.h"

namespace lacuna {
namespace {

constexpr size_t most_bytes = size_t(32) << 20;  // a name for each of the largest models' tensors is a few MiB
constexpr size_t most_nodes = 1'000'000;         // each takes a few hundred bytes
constexpr size_t most_patterns = 500'000;        // aliases can make a small file name very many

/// Walks the nodes of one recipe file and knows its name.
class RecipeParser {
  public:
    explicit RecipeParser(std::string source) { recipe_.source = std::move(source); }

    Recipe parse(std::string_view text) {
        demand_text(text);
        const YAML::Node document = load(text);
        if (document.IsNull()) fail({}, "", "the recipe is empty", "start it with version: 1 and a list of groups");
        read_top(document);
        return std::move(recipe_);
    }

  private:
    using Key = std::pair<std::string, YAML::Node>;

    [[noreturn]] void fail(RecipePlace place, const std::string& key, std::string what, std::string hint) const {
        recipe_error(recipe_.source, place, key, std::move(what), std::move(hint));
    }

    void demand_text(std::string_view text) const {
        if (text.size() > most_bytes)
            fail({}, "", "is larger than 32 MiB", "give a recipe, not another file; use globs instead of long lists");
        if (const size_t bad = first_bad_byte(text); bad != std::string_view::npos)
            fail({line_at(text, bad)}, "", "byte " + std::to_string(bad) + " is not UTF-8 text",
                 "give a recipe in YAML, saved as UTF-8");
    }

    /// The one document of the file. yaml-cpp's own LoadAll never ends where a stray comma stands between two.
    YAML::Node load(std::string_view text) const {
        try {
            const YamlShape shape = shape_of(std::string(text), most_nodes);
            if (shape.second_document.line > 0)
                fail(shape.second_document, "", "the recipe has ended, and a second document begins here",
                     "keep one recipe in a file; check indentation and stray commas");
            if (shape.too_large)
                fail({}, "", "holds more than " + std::to_string(most_nodes) + " values",
                     "give a recipe, not another file; use globs instead of long lists");
            return YAML::Load(std::string(text));
        } catch (const YAML::Exception& error) {
            const int line = error.mark.is_null() ? 0 : error.mark.line + 1;
            fail({line}, "", "is not valid YAML: " + shortened(error.msg), yaml_hint(text, line));
        }
    }

    /// The keys of a mapping in order. Refuses keys that are no text and keys that come twice.
    std::vector<Key> keys_of(const YAML::Node& map) const {
        std::vector<Key> keys;
        std::set<std::string> seen;
        for (const auto& entry : map) {
            if (!entry.first.IsScalar())
                fail(place_of(entry.first), "", "a key is " + kind_of(entry.first) + ", not a word", "name the key");
            const std::string& name = entry.first.Scalar();
            if (!seen.insert(name).second) fail(place_of(entry.first), name, "comes twice", "keep one of the two");
            keys.emplace_back(name, entry.second);
        }
        return keys;
    }

    /// The line of a key; a value that was left out stands nowhere, so the key's own node is asked.
    RecipePlace place_of_key(const YAML::Node& map, const std::string& name) const {
        for (const auto& entry : map)
            if (entry.first.IsScalar() && entry.first.Scalar() == name) return place_of(entry.first);
        return place_of(map);
    }

    YAML::Node needed(const YAML::Node& map, const std::string& name, const std::string& hint) const {
        for (const auto& entry : map)
            if (entry.first.Scalar() == name) return entry.second;
        fail(place_of(map), name, "is missing", hint);
    }

    void refuse_unknown(const YAML::Node& map, const std::vector<std::string>& known, const std::string& of) const {
        for (const auto& [name, node] : keys_of(map)) {
            if (std::find(known.begin(), known.end(), name) != known.end()) continue;
            std::string list;
            for (const auto& word : known) list += (list.empty() ? "" : ", ") + word;
            const std::string near = nearest(name, known);
            const std::vector<std::string> top = names_of(recipe_keys());
            const bool of_recipe = std::find(top.begin(), top.end(), name) != top.end();
            fail(place_of_key(map, name), name, "is not a key of " + of,
                 of_recipe      ? "it belongs at the top of the recipe, beside version and groups"
                 : near.empty() ? "known keys: " + list
                                : "did you mean " + near + "?");
        }
    }

    void read_top(const YAML::Node& top) {
        if (!top.IsMap())
            fail(place_of(top), "", "the recipe is " + kind_of(top) + ", not a mapping",
                 "start it with version: 1 and a list of groups");
        refuse_unknown(top, names_of(recipe_keys()), "a recipe");
        read_version(top);
        for (const auto& [name, node] : keys_of(top)) {
            if (name == "steps") read_steps(top, node);
            if (name == "ties") read_ties(top, node);
        }
        read_groups(top);
        if (top["schedule"]) read_schedules(top, top["schedule"]);
    }

    void read_version(const YAML::Node& top) {
        const YAML::Node node = needed(top, "version", "add version: 1");
        const RecipePlace place = place_of_key(top, "version");
        if (!node.IsScalar() || scalar_value(node) != OptionValue(int64_t(1)))
            fail(place, "version", "is " + kind_of(node) + ", and this program reads version 1", "write version: 1");
    }

    void read_steps(const YAML::Node& top, const YAML::Node& node) {
        const OptionValue value = node.IsScalar() ? scalar_value(node) : OptionValue(std::string());
        const int64_t* steps = std::get_if<int64_t>(&value);
        const std::string range = "a whole number between 1 and " + std::to_string(most_steps);
        if (!steps || *steps < 1 || *steps > most_steps)
            fail(place_of_key(top, "steps"), "steps", kind_of(node) + " is not " + range, "give " + range);
        recipe_.steps = int(*steps);
    }

    void read_ties(const YAML::Node& top, const YAML::Node& node) {
        const std::string value = node.IsScalar() ? node.Scalar() : "";
        if (value != "lowest" && value != "aten")
            fail(place_of_key(top, "ties"), "ties", kind_of(node) + " is neither lowest nor aten",
                 "choose lowest (the default) or aten (torch.ao.pruning's order)");
        recipe_.ties = value == "aten" ? Ties::aten : Ties::lowest;
    }

    void read_groups(const YAML::Node& top) {
        const YAML::Node list = needed(top, "groups", "add a list of groups, each with layers and sparsifier");
        const RecipePlace place = place_of_key(top, "groups");
        if (!list.IsSequence())
            fail(place, "groups", "is " + kind_of(list) + ", not a list", "begin each group with a dash: - layers: …");
        if (list.size() == 0) fail(place, "groups", "is empty", "add a group, with layers and sparsifier");
        for (const auto& group : list) {
            if (!group.IsMap())
                fail(place_of(group), "groups", "a group is " + kind_of(group) + ", not a mapping",
                     "give it the keys layers and sparsifier");
            recipe_.groups.push_back(read_group(group));
        }
    }

    RecipeGroup read_group(const YAML::Node& map) {
        refuse_unknown(map, group_keys_and_options(sparsifiers()), "a group");
        RecipeGroup group;
        group.place = place_of(map);
        const YAML::Node layers = needed(map, "layers", "say which tensors, e.g. layers: \"*\"");
        group.layers = read_patterns(map, "layers", layers, &group.layer_places);
        if (group.layers.empty())
            fail(place_of_key(map, "layers"), "layers", "names no tensor", "give a glob such as \"*\", or names");
        const Sparsifier& rule = read_sparsifier(map);
        group.sparsifier = rule.name();
        refuse_unknown(map, group_keys_and_options(std::vector<const Sparsifier*>{&rule}),
                       "a " + group.sparsifier + " group");
        for (const auto& [name, node] : keys_of(map)) {
            if (name == "except") group.except = read_patterns(map, name, node, nullptr);
            if (const OptionSpec* spec = rule.find_option(name)) read_option(map, *spec, node, group);
        }
        check_options(rule, group);
        return group;
    }

    template <class List>
    static std::vector<std::string> group_keys_and_options(const List& rules) {
        std::vector<std::string> keys = names_of(group_keys());
        for (const Sparsifier* rule : rules)
            for (const OptionSpec& spec : rule->options())
                if (std::find(keys.begin(), keys.end(), spec.name) == keys.end()) keys.push_back(spec.name);
        return keys;
    }

    const Sparsifier& read_sparsifier(const YAML::Node& map) const {
        const YAML::Node node = needed(map, "sparsifier", "name one, e.g. sparsifier: weight_norm");
        const RecipePlace place = place_of_key(map, "sparsifier");
        if (!node.IsScalar())
            fail(place, "sparsifier", "is " + kind_of(node) + ", not a name", "name one, e.g. sparsifier: weight_norm");
        try {
            return sparsifier(node.Scalar());
        } catch (const Error& error) {
            fail(place, "sparsifier", error.problem(), error.hint());
        }
    }

    /// One scheduler, or a list of them.
    void read_schedules(const YAML::Node& top, const YAML::Node& node) {
        const RecipePlace place = place_of_key(top, "schedule");
        if (node.IsSequence()) {
            if (node.size() == 0) fail(place, "schedule", "is empty", "add a scheduler, or leave the schedule out");
            if (node.size() > most_schedulers)
                fail(place, "schedule", "lists more than " + std::to_string(most_schedulers) + " schedulers",
                     "list fewer");
            for (const auto& map : node) read_schedule(place_of(map), map);
        } else {
            read_schedule(place, node);
        }
        const auto has_level = [](const auto& group) {
            return sparsifier(group.sparsifier).find_option(sparsity_level_option) != nullptr;
        };
        if (std::none_of(recipe_.groups.begin(), recipe_.groups.end(), has_level))
            fail(place, "schedule", "none of the groups' sparsifiers has a sparsity_level",
                 "leave the schedule out, or choose a sparsifier with a sparsity_level");
    }

    void read_schedule(RecipePlace place, const YAML::Node& map) {
        const std::string hint = "write it like schedule: {scheduler: cubic, total_t: 10}";
        if (!map.IsMap()) fail(place, "schedule", "is " + kind_of(map) + ", not a mapping", hint);
        const YAML::Node name = needed(map, "scheduler", "name one, e.g. scheduler: cubic");
        if (!name.IsScalar()) fail(place, "scheduler", "is " + kind_of(name) + ", not a name", hint);
        const Schedule& rule = known_schedule(name);
        std::vector<std::string> keys = names_of(schedule_keys());
        for (const OptionSpec& spec : rule.options()) keys.push_back(spec.name);
        refuse_unknown(map, keys, "a " + std::string(rule.name()) + " schedule");
        recipe_.schedules.push_back({std::string(rule.name()), {Options()}, place});
        for (const OptionSpec& spec : rule.options())
            if (map[spec.name]) read_schedule_option(map, spec, map[spec.name]);
    }

    const Schedule& known_schedule(const YAML::Node& name) const {
        try {
            return schedule(name.Scalar());
        } catch (const Error& error) {
            fail(place_of(name), "scheduler", error.problem(), error.hint());
        }
    }

    /// One value for all groups, or a list with one for each.
    void read_schedule_option(const YAML::Node& map, const OptionSpec& spec, const YAML::Node& node) {
        std::vector<Options>& all = recipe_.schedules.back().options;
        const RecipePlace place = place_of_key(map, spec.name);
        const size_t groups = recipe_.groups.size();
        if (node.IsSequence() && node.size() != groups)
            fail(place, spec.name,
                 "lists " + std::to_string(node.size()) + " values for " + std::to_string(groups) + " groups",
                 "give one value for all groups, or one for each");
        if (node.IsSequence() && all.size() < groups) all.assign(groups, all.front());
        try {
            for (size_t i = 0; i < all.size(); ++i)
                all[i].set(spec.name, checked(spec, option_value(node.IsSequence() ? node[i] : node, spec.type)));
        } catch (const Error& error) {
            fail(place, spec.name, error.problem(), error.hint());
        }
    }

    std::vector<std::string> read_patterns(const YAML::Node& map, const std::string& key, const YAML::Node& node,
                                           std::vector<RecipePlace>* places) {
        const RecipePlace place = place_of_key(map, key);
        std::vector<std::string> patterns;
        const auto add = [&](const YAML::Node& item, const std::string& what) {
            if (!item.IsScalar() || item.Scalar().empty())
                fail(item.IsNull() ? place : place_of(item), key,
                     what + (item.IsScalar() ? " is an empty name" : " is " + kind_of(item) + ", not a name or glob"),
                     "give a glob over tensor names, or a list of globs and names");
            if (++patterns_ > most_patterns)
                fail(place, key, "the recipe names more than " + std::to_string(most_patterns) + " patterns",
                     "use globs instead of long lists");
            patterns.push_back(item.Scalar());
            if (places) places->push_back(place_of(item));
        };
        if (node.IsSequence())
            for (const auto& item : node) add(item, "an entry");
        else
            add(node, "it");
        return patterns;
    }

    void read_option(const YAML::Node& map, const OptionSpec& spec, const YAML::Node& node, RecipeGroup& group) const {
        const RecipePlace place = place_of_key(map, spec.name);
        try {
            group.options.set(spec.name, checked(spec, option_value(node, spec.type)));
            group.option_places[spec.name] = place;
        } catch (const Error& error) {
            fail(place, spec.name, error.problem(), error.hint());
        }
    }

    /// What goes across options, before any tensor is known.
    void check_options(const Sparsifier& rule, const RecipeGroup& group) const {
        try {
            rule.check(rule.complete(group.options), nullptr);
        } catch (const Error& error) {
            const auto given = group.option_places.find(error.where());
            fail(given == group.option_places.end() ? group.place : given->second, error.where(), error.problem(),
                 error.hint());
        }
    }

    Recipe recipe_;
    size_t patterns_ = 0;
};

}  // namespace

Recipe parse_recipe(std::string_view text, std::string source_name) {
    return RecipeParser(std::move(source_name)).parse(text);
}

Recipe read_recipe(const std::filesystem::path& path) {
    const std::string name = path.string();
    std::error_code ignored;
    if (std::filesystem::is_directory(path, ignored))
        throw Error(ErrorKind::file, name, "is a folder", "name a recipe file");
    std::ifstream file(path, std::ios::binary);
    if (!file)
        throw Error(ErrorKind::file, name, std::string("cannot be opened (") + std::strerror(errno) + ")",
                    "check the name of the recipe, and that it may be read");
    std::string text;
    std::array<char, size_t(1) << 16> piece;
    if (const auto size = std::filesystem::file_size(path, ignored); !ignored)
        text.reserve(std::min<uintmax_t>(size, most_bytes) + piece.size());
    while (text.size() <= most_bytes && (file.read(piece.data(), piece.size()), file.gcount() > 0))
        text.append(piece.data(), size_t(file.gcount()));
    if (file.bad()) throw Error(ErrorKind::file, name, "cannot be read", "check the disk");
    return parse_recipe(text, name);
}

}  // namespace lacuna
