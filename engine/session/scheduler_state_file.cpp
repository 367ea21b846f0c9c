#include "engine/session/scheduler_state_file.h"

#include <array>

#include "engine/base/error.h"
#include "engine/formats/torch_object_writer.h"
#include "engine/formats/torch_objects.h"
#include "engine/schedulers/schedule.h"

namespace lacuna {
namespace {

using Kind = PlainValue::Kind;

constexpr std::array curve_options{"init_sl", "init_t", "delta_t", "total_t", "initially_zero"};
constexpr const char* hint = "save the state_dict() of a CubicSL with torch.save";

[[noreturn]] void refuse(const std::string& where, const std::string& what) {
    throw Error(ErrorKind::format, where, what, hint);
}

/// The list under `key`, one value a group.
const std::vector<PlainValue>& by_group(const PlainValue& state, const std::string& key, size_t groups,
                                        const std::string& where) {
    const PlainValue* list = state.find(key);
    if (!list || list->kind != Kind::list) refuse(where, "holds no " + key + " of a CubicSL");
    if (list->items.size() != groups)
        refuse(where, "is of " + std::to_string(list->items.size()) + " groups, not " + std::to_string(groups));
    return list->items;
}

double number(const PlainValue& value, const std::string& key, const std::string& where) {
    if (value.kind == Kind::integer) return double(value.integer);
    if (value.kind != Kind::real) refuse(where, key + " is no number");
    return value.real;
}

int64_t integer(const PlainValue& state, const std::string& key, const std::string& where) {
    const PlainValue* value = state.find(key);
    if (!value || value->kind != Kind::integer) refuse(where, "holds no " + key + " of a CubicSL");
    return value->integer;
}

OptionValue option_value(const PlainValue& value) {
    if (value.kind == Kind::boolean) return value.integer != 0;
    if (value.kind == Kind::integer) return value.integer;
    return value.real;
}

PlainValue plain(const OptionValue& value) {
    if (const auto* yes = std::get_if<bool>(&value)) return PlainValue::of(*yes);
    if (const auto* whole = std::get_if<int64_t>(&value)) return PlainValue::of(*whole);
    return PlainValue::of(std::get<double>(value));
}

}  // namespace

SchedulerState read_scheduler_state(const std::filesystem::path& path, std::span<const std::string> groups) {
    const TorchObjects objects(path);
    const std::string& where = objects.where();
    const auto state = plain_value(objects.graph(), objects.graph().root);
    if (!state || state->kind != Kind::dict) refuse(where, "holds no state of a scheduler");
    SchedulerState read{"cubic", integer(*state, "last_epoch", where), integer(*state, "_step_count", where), {}};
    const auto& base = by_group(*state, "base_sl", groups.size(), where);
    const auto& last = by_group(*state, "_last_sl", groups.size(), where);
    for (size_t i = 0; i < groups.size(); ++i) {
        Options options;
        for (const char* name : curve_options)
            options.set(name, option_value(by_group(*state, name, groups.size(), where)[i]));
        try {
            options = schedule("cubic").complete(options);
        } catch (const Error& error) {
            refuse(where, error.where() + ": " + error.problem());
        }
        read.groups.push_back(
            {groups[i], number(base[i], "base_sl", where), number(last[i], "_last_sl", where), options});
    }
    return read;
}

void write_scheduler_state(const SchedulerState& state, const std::filesystem::path& path, Progress& progress) {
    if (state.schedule != "cubic")
        throw Error(ErrorKind::argument, state.schedule, "PyTorch has no state for this schedule", "write it as JSON");
    PlainValue out = PlainValue::dict(), empty;
    empty.kind = Kind::list;
    for (const char* name : curve_options) out.set(name, empty);
    PlainValue base = empty, last = empty;
    for (const SchedulerState::Group& group : state.groups) {
        if (!group.base || !group.last)
            throw Error(ErrorKind::argument, group.name, "has no sparsity level, which PyTorch's schedulers need",
                        "write it as JSON");
        for (size_t i = 0; i < curve_options.size(); ++i)
            out.items[i].items.push_back(plain(group.options.values().find(curve_options[i])->second));
        base.items.push_back(PlainValue::of(*group.base));
        last.items.push_back(PlainValue::of(*group.last));
    }
    out.set("base_sl", base);
    out.set("last_epoch", PlainValue::of(state.last_epoch));
    out.set("_step_count", PlainValue::of(state.step_count));
    out.set("verbose", PlainValue::of(false));
    out.set("_get_sl_called_within_step", PlainValue::of(false));
    out.set("_last_sl", last);
    TorchObjectWriter().write(TorchObjectWriter::value(out), path, progress);
}

}  // namespace lacuna
