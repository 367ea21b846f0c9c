#include "engine/session/scheduler_state_file.h"

#include "engine/base/error.h"
#include "engine/formats/torch_object_writer.h"
#include "engine/formats/torch_objects.h"
#include "engine/schedulers/schedule.h"
#include "engine/session/plain_options.h"

namespace lacuna {
namespace {

using Kind = PlainValue::Kind;

constexpr const char* name_key = "scheduler";
constexpr const char* hint =
    "save the state_dict() of a CubicSL, or of a LambdaSL without its functions, with torch.save";

[[noreturn]] void refuse(const std::string& where, const std::string& what) {
    throw Error(ErrorKind::format, where, what, hint);
}

/// The list under `key`, one value a group.
const std::vector<PlainValue>& by_group(const PlainValue& state, const std::string& key, size_t groups,
                                        const std::string& where) {
    const PlainValue* list = state.find(key);
    if (!list || list->kind != Kind::list) refuse(where, "holds no " + key + " of a scheduler");
    if (list->items.size() != groups)
        refuse(where, "is of " + std::to_string(list->items.size()) + " groups, not " + std::to_string(groups));
    return list->items;
}

std::optional<double> number(const PlainValue& value, const std::string& key, const std::string& where) {
    if (value.kind == Kind::none) return std::nullopt;
    if (value.kind == Kind::integer) return double(value.integer);
    if (value.kind != Kind::real) refuse(where, key + " is no number");
    return value.real;
}

int64_t integer(const PlainValue& state, const std::string& key, const std::string& where) {
    const PlainValue* value = state.find(key);
    if (!value || value->kind != Kind::integer) refuse(where, "holds no " + key + " of a scheduler");
    return value->integer;
}

OptionValue saved_value(const PlainValue& value, const std::string& key, const std::string& where) {
    if (auto option = option_value(value)) return *std::move(option);
    refuse(where, key + " is no value of an option");
}

/// Python's states do not name their class: CubicSL's has the curve's options. Ours does.
const Schedule& schedule_in(const PlainValue& state, const std::string& where) {
    const PlainValue* name = state.find(name_key);
    try {
        if (name && name->kind == Kind::text) return schedule(name->text);
    } catch (const Error& error) {
        refuse(where, error.where() + ": " + error.problem());
    }
    return schedule(state.find("init_sl") ? "cubic" : "lambda");
}

}  // namespace

SchedulerState scheduler_state_from(const PlainValue& state, std::span<const std::string> groups,
                                    const std::string& where) {
    if (state.kind != Kind::dict) refuse(where, "holds no state of a scheduler");
    const auto& base = by_group(state, "base_sl", groups.size(), where);
    const auto& last = by_group(state, "_last_sl", groups.size(), where);
    const Schedule& rule = schedule_in(state, where);
    SchedulerState read{
        std::string(rule.name()), integer(state, "last_epoch", where), integer(state, "_step_count", where), {}};
    for (size_t i = 0; i < groups.size(); ++i) {
        Options options;
        for (const OptionSpec& spec : rule.options())
            if (state.find(spec.name))
                options.set(spec.name,
                            saved_value(by_group(state, spec.name, groups.size(), where)[i], spec.name, where));
        try {
            options = rule.complete(options);
        } catch (const Error& error) {
            refuse(where, error.where() + ": " + error.problem());
        }
        read.groups.push_back(
            {groups[i], number(base[i], "base_sl", where), number(last[i], "_last_sl", where), options});
    }
    return read;
}

PlainValue plain_value(const SchedulerState& state) {
    PlainValue out = PlainValue::dict(), empty;
    empty.kind = Kind::list;
    const std::span<const OptionSpec> specs = schedule(state.schedule).options();
    for (const OptionSpec& spec : specs) out.set(spec.name, empty);
    PlainValue base = empty, last = empty;
    for (const SchedulerState::Group& group : state.groups) {
        for (size_t i = 0; i < specs.size(); ++i)
            out.items[i].items.push_back(plain_option(group.options.values().find(specs[i].name)->second));
        base.items.push_back(group.base ? PlainValue::of(*group.base) : PlainValue());
        last.items.push_back(group.last ? PlainValue::of(*group.last) : PlainValue());
    }
    out.set("base_sl", base);
    out.set("last_epoch", PlainValue::of(state.last_epoch));
    out.set("_step_count", PlainValue::of(state.step_count));
    out.set("verbose", PlainValue::of(false));
    out.set("_get_sl_called_within_step", PlainValue::of(false));
    out.set("_last_sl", last);
    out.set(name_key, PlainValue::of(state.schedule));
    return out;
}

SchedulerState read_scheduler_state(const std::filesystem::path& path, std::span<const std::string> groups) {
    const TorchObjects objects(path);
    const auto state = PlainReader(objects.graph(), objects.where()).value(objects.graph().root);
    return scheduler_state_from(state.value_or(PlainValue()), groups, objects.where());
}

void write_scheduler_state(const SchedulerState& state, const std::filesystem::path& path, Progress& progress) {
    for (const SchedulerState::Group& group : state.groups)
        if (!group.base || !group.last)
            throw Error(ErrorKind::argument, group.name, "has no sparsity level, which PyTorch's schedulers need",
                        "write it as JSON");
    TorchObjectWriter().write(TorchObjectWriter::value(plain_value(state)), path, progress);
}

}  // namespace lacuna
