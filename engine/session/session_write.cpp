#include <set>

#include "engine/base/error.h"
#include "engine/base/output_file.h"
#include "engine/session/checkpoint_identity.h"
#include "engine/session/option_json.h"
#include "engine/session/packed_words.h"
#include "engine/session/session_file.h"
#include "engine/session/session_schema.h"

namespace lacuna {
namespace fs = std::filesystem;
namespace {

std::string ties_name(Ties ties) {
    return ties == Ties::aten ? "aten" : "lowest";
}

std::string schedulers_of(const ScheduleState& schedule) {
    std::vector<std::string> names;
    for (const Schedule* rule : schedule.rules) names.emplace_back(rule->name());
    return to_json(names);
}

std::string schedule_json(const TensorState& state) {
    std::string list;
    for (const Options& options : state.schedule) list += (list.empty() ? "" : ",") + to_json(options);
    return "[" + list + "]";
}

bool has_saved_mask(const TensorState& state) {
    return state.stepped && state.stepped == state.saved;
}

MaskChange change_of(const TensorState& before, const TensorState& now) {
    if (now.stepped == before.stepped || (has_saved_mask(now) && has_saved_mask(before))) return MaskChange::same;
    if (!now.stepped) return MaskChange::none;
    return has_saved_mask(now) ? MaskChange::saved : MaskChange::delta;
}

/// Whether the mask shown has to be computed again when the session is opened.
bool has_preview(const TensorState& state) {
    return state.pending() || state.computing || !state.problem.empty();
}

bool says_the_same(const TensorState& before, const TensorState& now) {
    return before.sparsifier == now.sparsifier && before.options == now.options && before.schedule == now.schedule &&
           before.scheduled == now.scheduled && before.frozen == now.frozen &&
           has_preview(before) == has_preview(now) && change_of(before, now) == MaskChange::same;
}

/// For people and other programs; "" where there is none to write.
std::string recipe_text(const Document& document) {
    try {
        const Recipe recipe = recipe_of(document);
        return recipe.groups.empty() ? "" : to_yaml(recipe);
    } catch (const Error&) {
        return "";  // options that do not fit their tensors
    }
}

std::vector<std::byte> delta_of(const TensorState& before, const TensorState& now) {
    const Mask delta = *now.stepped ^ (before.stepped ? *before.stepped : Mask::ones(now.stepped->shape()));
    return packed(delta.words());
}

/// Where `target` lies as seen from the folder of `file`; "" if it is not below that.
std::string beside(const fs::path& target, const fs::path& file) {
    const fs::path relative = target.lexically_normal().lexically_relative(file.parent_path().lexically_normal());
    return relative.empty() || *relative.begin() == ".." ? "" : relative.string();
}

class SessionWriter {
  public:
    SessionWriter(SqliteFile& file, fs::path target, Progress& progress)
        : file_(file), target_(fs::absolute(std::move(target))), progress_(progress) {}

    void write(const std::vector<Moment>& moments, const SessionFacts& facts) {
        file_.run("BEGIN");
        for (const char* table : session_schema) file_.run(table);
        file_.run(("PRAGMA application_id = " + std::to_string(session_application)).c_str());
        file_.run(("PRAGMA user_version = " + std::to_string(session_version)).c_str());
        write_facts(*moments.back().document, facts);
        const Document untouched = begun_anew(*moments.front().document);
        const Document* last = &untouched;  // what the first moment is told against
        progress_.begin("Saving", moments.size(), "moments");
        for (size_t i = 0; i < moments.size(); ++i) {
            write_moment(int64_t(i), moments[i], *last);
            last = moments[i].document.get();
            progress_.advance();
        }
        write_tensors(*last);
        file_.run("COMMIT");
    }

  private:
    void write_fact(const std::string& name, const std::string& value) {
        SqliteQuery(file_, "INSERT INTO fact VALUES(?, ?)").bind(0, name).bind(1, value).run();
    }

    void write_place(const std::string& name, const fs::path& path) {
        const fs::path full = fs::absolute(path);
        write_fact(name, full.string());
        if (const std::string near = beside(full, target_); !near.empty()) write_fact(name + fact::beside, near);
    }

    void write_facts(const Document& document, const SessionFacts& facts) {
        const Checkpoint& checkpoint = document.model->checkpoint();
        const CheckpointIdentity identity = identity_of(checkpoint);
        write_place(fact::model, checkpoint.path());
        write_fact(fact::model_tensors, identity.tensors);
        write_fact(fact::model_weights, identity.weights);
        if (!facts.data.empty()) write_place(fact::data, facts.data);
        write_fact(fact::selected, to_json(facts.selected));
        if (const std::string recipe = recipe_text(document); !recipe.empty()) write_fact(fact::recipe, recipe);
        if (!facts.copy_of.empty()) write_fact(fact::copy_of, facts.copy_of.string());
        if (!facts.unsaved.empty()) write_fact(fact::unsaved, facts.unsaved);
    }

    void write_moment(int64_t number, const Moment& moment, const Document& before) {
        const Document& document = *moment.document;
        const std::string ties = ties_name(document.ties);
        SqliteQuery insert(file_, "INSERT INTO moment VALUES(?, ?, ?, ?, ?, ?)");
        insert.bind(0, number).bind(1, moment.label).bind(2, ties).bind(3, int64_t(document.steps));
        const std::string names = document.schedule ? schedulers_of(*document.schedule) : "";
        if (document.schedule) insert.bind(4, int64_t(document.schedule->steps)).bind(5, names);
        insert.run();
        write_records(number, document.history, before.history);
        SqliteQuery state(file_, "INSERT INTO state VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
        for (size_t i = 0; i < document.tensors.size(); ++i)
            if (document.tensors[i] != before.tensors[i] && !says_the_same(*before.tensors[i], *document.tensors[i]))
                write_state(state, number, i, *before.tensors[i], *document.tensors[i]);
    }

    void write_records(int64_t moment, const std::vector<StepRecord>& history, const std::vector<StepRecord>& before) {
        SqliteQuery insert(file_, "INSERT INTO record VALUES(?, ?, ?)");
        for (size_t step = 0; step < history.size(); ++step) {
            if (step < before.size() && history[step] == before[step]) continue;
            insert.bind(0, moment).bind(1, int64_t(step));
            std::vector<std::byte> kept;
            if (history[step]) {
                const std::vector<uint64_t> words(history[step]->begin(), history[step]->end());
                kept = packed(words);
                insert.bind(2, kept);
            }
            insert.run();
        }
    }

    void write_state(SqliteQuery& insert, int64_t moment, size_t tensor, const TensorState& before,
                     const TensorState& now) {
        const std::string options = to_json(now.options), schedule = schedule_json(now);
        insert.bind(0, moment).bind(1, int64_t(tensor));
        if (now.sparsifier) insert.bind(2, now.sparsifier->name());
        insert.bind(3, options).bind(4, schedule).bind(5, now.scheduled);
        insert.bind(6, int64_t(now.frozen));
        insert.bind(7, int64_t(has_preview(now)));
        const MaskChange change = change_of(before, now);
        insert.bind(8, int64_t(change));
        std::vector<std::byte> delta;
        if (change == MaskChange::delta) {
            delta = delta_of(before, now);
            insert.bind(9, delta);
        }
        insert.run();
        spoken_of_.insert(tensor);
        progress_.check();
    }

    void write_tensors(const Document& document) {
        SqliteQuery insert(file_, "INSERT INTO tensor VALUES(?, ?, ?)");
        for (const size_t tensor : spoken_of_) {
            const TensorInfo& info = document.info(tensor);
            const std::string shape = to_string(info.shape);
            insert.bind(0, int64_t(tensor)).bind(1, info.name).bind(2, shape).run();
        }
    }

    SqliteFile& file_;
    const fs::path target_;
    Progress& progress_;
    std::set<size_t> spoken_of_;
};

}  // namespace

void write_session(const std::vector<Moment>& moments, const SessionFacts& facts, const fs::path& path,
                   Progress& progress) {
    std::error_code ignored;
    for (const fs::path& part : moments.back().document->model->checkpoint().files())
        if (fs::equivalent(part, path, ignored))
            throw Error(ErrorKind::argument, path.string(), "is the model itself", "name another file");
    OutputFile out(path);
    SqliteFile file = SqliteFile::write(out.temporary(), path.string());
    SessionWriter(file, path, progress).write(moments, facts);
    file.close();
    out.commit();
}

}  // namespace lacuna
