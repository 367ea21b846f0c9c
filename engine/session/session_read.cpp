#include <algorithm>
#include <cmath>
#include <deque>
#include <functional>
#include <limits>
#include <optional>
#include <utility>

#include "engine/base/error.h"
#include "engine/session/checkpoint_identity.h"
#include "engine/session/option_json.h"
#include "engine/session/packed_words.h"
#include "engine/session/session_file.h"
#include "engine/session/session_schema.h"

namespace lacuna {
namespace fs = std::filesystem;
namespace {

constexpr int64_t most_facts = 100;
constexpr size_t longest_text = size_t(1) << 20;

/// The tensors that a session speaks of, in the model as it is now.
class SessionTensors {
  public:
    /// Throws Error(format) where the model has no such tensor.
    SessionTensors(SqliteFile& file, const Checkpoint& checkpoint) {
        SqliteQuery rows(file, "SELECT number, name, shape FROM tensor ORDER BY rowid");
        int64_t last = -1;
        std::vector<bool> taken(checkpoint.tensors().size());
        while (rows.next()) {
            last = rows.integer(0, last + 1, std::numeric_limits<int64_t>::max());
            const std::string name(rows.text(1));
            const auto tensor = checkpoint.find(name);
            const std::string where = file.name(), hint = "open it on the model that it was saved with";
            if (!tensor) throw Error(ErrorKind::format, where, "the model has no tensor " + name, hint);
            const std::string shape = to_string(checkpoint.tensors()[*tensor].shape);
            if (shape != rows.text(2))
                throw Error(
                    ErrorKind::format, where,
                    name + " is " + shape + " in the model, and " + std::string(rows.text(2)) + " in the session",
                    hint);
            if (taken[*tensor]) file.damaged("it has " + name + " twice");
            taken[*tensor] = true;
            places_.emplace(last, *tensor);
        }
    }

    std::optional<size_t> find(int64_t number) const {
        const auto found = places_.find(number);
        return found == places_.end() ? std::nullopt : std::optional(found->second);
    }

  private:
    std::map<int64_t, size_t> places_;
};

class MomentsReader {
  public:
    MomentsReader(SqliteFile& file, const ModelPtr& model, bool same_tensors, Progress& progress)
        : file_(file),
          progress_(progress),
          same_tensors_(same_tensors),
          tensors_(file, model->checkpoint()),
          moments_(file, "SELECT number, label, ties, steps, planned, schedulers FROM moment ORDER BY rowid"),
          records_(file, "SELECT moment, step, kept FROM record ORDER BY rowid"),
          states_(file,
                  "SELECT moment, tensor, sparsifier, options, schedule, scheduled, frozen, pending, mask, delta FROM "
                  "state ORDER BY rowid"),
          document_(*new_document(model, progress)) {}

    std::vector<Moment> read() {
        progress_.begin("Reading", 0, "moments");
        more_records_ = records_.next();
        more_states_ = states_.next();
        for (int64_t number = 0; moments_.next(); ++number) {
            moments_.integer(0, number, std::min(number, most_moments - 1));
            read_moment(number);
            keep(std::string(short_text(moments_, 1)));
            progress_.advance();
        }
        if (kept_.empty() || more_records_ || more_states_) file_.damaged("its parts do not go together");
        kept_.back().label.clear();
        return {std::make_move_iterator(kept_.begin()), std::make_move_iterator(kept_.end())};
    }

  private:
    std::string_view short_text(const SqliteQuery& row, int column) const {
        const std::string_view text = row.text(column);
        if (text.size() > longest_text) file_.damaged("it holds a very long text");
        return text;
    }

    /// What `parse` makes of a part; what it refuses is damage.
    template <class Parse>
    auto part(const std::string& name, const Parse& parse) const {
        try {
            return parse();
        } catch (const Error& error) {
            file_.damaged(name + ": " + (error.where().empty() ? "" : error.where() + ": ") + error.problem());
        }
    }

    void keep(std::string label) {
        kept_.push_back({std::move(label), std::make_shared<const Document>(document_)});
        sizes_.push_back(std::exchange(bytes_, 0));
        total_ += sizes_.back();
        while (kept_.size() > 1 && total_ - sizes_.back() > UndoStack::default_bytes) {
            total_ -= sizes_.front();
            kept_.pop_front();
            sizes_.pop_front();
        }
    }

    void read_moment(int64_t number) {
        document_.ties = short_text(moments_, 2) == "aten" ? Ties::aten : Ties::lowest;
        document_.steps = int(moments_.integer(3, 0, most_steps));
        document_.schedule.reset();
        if (!moments_.is_null(5)) document_.schedule = read_schedule();
        read_records(number);
        int64_t last = -1;
        for (; more_states_ && states_.integer(0) == number; more_states_ = states_.next()) {
            last = states_.integer(1, last + 1, std::numeric_limits<int64_t>::max());
            const auto tensor = tensors_.find(last);
            if (!tensor) file_.damaged("it does not say which tensor " + std::to_string(last) + " is");
            document_.tensors[*tensor] = read_state(*tensor);
            progress_.check();
        }
    }

    ScheduleState read_schedule() const {
        ScheduleState schedule;
        schedule.steps = int(moments_.integer(4, std::max(1, document_.steps), most_steps));
        const auto names = part("its schedule", [&] { return texts_from(short_text(moments_, 5)); });
        for (const std::string& name : names)
            schedule.rules.push_back(part("its schedule", [&] { return &lacuna::schedule(name); }));
        if (schedule.rules.empty()) file_.damaged("its schedule is empty");
        return schedule;
    }

    void read_records(int64_t number) {
        document_.history.resize(size_t(document_.steps));
        int64_t last = -1;
        for (; more_records_ && records_.integer(0) == number; more_records_ = records_.next()) {
            last = records_.integer(1, last + 1, document_.steps - 1);
            document_.history[size_t(last)] = read_record();
        }
    }

    /// Nothing where the model has other tensors now: what they keep is not told by names.
    StepRecord read_record() const {
        if (records_.is_null(2) || !same_tensors_) return nullptr;
        const auto words = unpacked(records_.bytes(2), document_.tensors.size());
        if (!words) file_.damaged("a step's record cannot be unpacked");
        for (size_t i = 0; i < words->size(); ++i)
            if ((*words)[i] > uint64_t(document_.info(i).elements())) file_.damaged("a step keeps more than there is");
        return std::make_shared<const std::vector<int64_t>>(words->begin(), words->end());
    }

    TensorStatePtr read_state(size_t tensor) {
        const TensorState& before = *document_.tensors[tensor];
        const TensorInfo& info = document_.info(tensor);
        auto state = std::make_shared<TensorState>();
        state->saved = before.saved;
        if (!states_.is_null(2)) state->sparsifier = read_sparsifier(info);
        const auto specs = state->sparsifier ? state->sparsifier->options() : std::span<const OptionSpec>();
        state->options = part(info.name, [&] { return options_from(short_text(states_, 3), specs); });
        state->schedule = read_schedule_options(info);
        if (!states_.is_null(5)) state->scheduled = states_.real(5);
        if (state->scheduled && !std::isfinite(*state->scheduled)) file_.damaged(info.name + " has no finite level");
        state->frozen = states_.integer(6, 0, 1) == 1;
        state->stepped = state->shown = read_mask(before, info);
        state->kept = state->shown ? state->shown->kept() : info.elements();
        state->computing = states_.integer(7, 0, 1) == 1 && state->sparsifier && !state->frozen;
        return state;
    }

    const Sparsifier* read_sparsifier(const TensorInfo& info) const {
        const Sparsifier& rule = *part(info.name, [&] { return &sparsifier(short_text(states_, 2)); });
        std::string reason = why_not_prunable(info);
        if (reason.empty()) reason = rule.why_not(info.shape, info.dtype);
        if (!reason.empty()) file_.damaged(info.name + " " + reason);
        return &rule;
    }

    std::vector<Options> read_schedule_options(const TensorInfo& info) const {
        const auto items = part(info.name, [&] { return items_from(short_text(states_, 4)); });
        const size_t rules = document_.schedule ? document_.schedule->rules.size() : 0;
        if (items.size() > rules) file_.damaged(info.name + " has options of more schedulers than there are");
        std::vector<Options> options;
        for (size_t i = 0; i < items.size(); ++i)
            options.push_back(
                part(info.name, [&] { return options_from(items[i], document_.schedule->rules[i]->options()); }));
        return options;
    }

    MaskPtr read_mask(const TensorState& before, const TensorInfo& info) {
        switch (MaskChange(states_.integer(8, 0, int64_t(MaskChange::delta)))) {
            case MaskChange::same:
                return before.stepped;
            case MaskChange::none:
                return nullptr;
            case MaskChange::saved:
                return before.saved;
            case MaskChange::delta:
                break;
        }
        if (const std::string reason = why_not_prunable(info); !reason.empty()) file_.damaged(info.name + " " + reason);
        Mask mask = before.stepped ? *before.stepped : Mask::ones(info.shape);
        const auto delta = unpacked(states_.bytes(9), mask.words().size());
        if (!delta) file_.damaged("the mask of " + info.name + " cannot be unpacked");
        std::transform(delta->begin(), delta->end(), mask.words().begin(), mask.words().begin(), std::bit_xor<>());
        const uint64_t tail = mask.words().empty() ? 0 : mask.words().back();
        mask.clear_tail();
        if (!mask.words().empty() && tail != mask.words().back())
            file_.damaged("the mask of " + info.name + " is too long");
        bytes_ += mask.words().size_bytes();
        return std::make_shared<const Mask>(std::move(mask));
    }

    SqliteFile& file_;
    Progress& progress_;
    const bool same_tensors_;
    SessionTensors tensors_;
    SqliteQuery moments_, records_, states_;
    bool more_records_ = false, more_states_ = false;
    Document document_;  ///< the moment at hand
    std::deque<Moment> kept_;
    std::deque<uint64_t> sizes_;  ///< of the masks that each of those brought
    uint64_t bytes_ = 0, total_ = 0;
};

}  // namespace

SessionReader::SessionReader(const fs::path& path) : path_(fs::absolute(path)), file_(SqliteFile::read(path_)) {
    demand_version();
    read_facts();
    model_ = place_of(fact::model);
    if (model_.empty()) file_.damaged("it does not say which model it is of");
    facts_.data = place_of(fact::data);
    facts_.copy_of = fact_called(fact::copy_of);
    facts_.unsaved = fact_called(fact::unsaved);
    try {
        facts_.selected = texts_from(fact_called(fact::selected));
    } catch (const Error&) {
        file_.damaged("its selection is no list");
    }
}

/// The schema must be the very one that write_session makes: then there is nothing in it that a query could run.
void SessionReader::demand_version() {
    const std::string hint = "choose a .lacuna file that Lacuna saved";
    if (file_.pragma("application_id") != session_application)
        throw Error(ErrorKind::format, path_.string(), "is an SQLite database, but no session of Lacuna's", hint);
    if (const int64_t version = file_.pragma("user_version"); version != session_version)
        throw Error(ErrorKind::format, path_.string(),
                    "is a session of version " + std::to_string(version) + ", and this Lacuna reads version " +
                        std::to_string(session_version),
                    "open it with the Lacuna that saved it, or a newer one");
    SqliteQuery tables(file_, "SELECT sql FROM sqlite_schema ORDER BY rowid");
    for (const char* table : session_schema)
        if (!tables.next() || tables.text(0) != table) file_.damaged("its tables are not a session's");
    if (tables.next()) file_.damaged("its tables are not a session's");
}

void SessionReader::read_facts() {
    SqliteQuery rows(file_, "SELECT name, value FROM fact ORDER BY rowid");
    while (rows.next()) {
        if (int64_t(told_.size()) >= most_facts) file_.damaged("it states too many facts");
        if (!told_.emplace(rows.text(0), rows.text(1)).second) file_.damaged("it states a fact twice");
    }
}

std::string SessionReader::fact_called(const std::string& name) const {
    const auto found = told_.find(name);
    return found == told_.end() ? "" : found->second;
}

fs::path SessionReader::place_of(const std::string& name) const {
    std::error_code ignored;
    const std::string near = fact_called(name + fact::beside);
    if (const fs::path moved_along = path_.parent_path() / near; !near.empty() && fs::exists(moved_along, ignored))
        return moved_along;
    return fact_called(name);
}

ReadSession SessionReader::read(const ModelPtr& model, Progress& progress) {
    const Checkpoint& checkpoint = model->checkpoint();
    const CheckpointIdentity now = identity_of(checkpoint);
    const bool same_tensors = now.tensors == fact_called(fact::model_tensors);
    ReadSession session{MomentsReader(file_, model, same_tensors, progress).read(), {}};
    const std::string name = checkpoint.path().filename().string();
    if (!same_tensors)
        session.remark = name + " has other tensors than when this session was saved; the masks fit those that stayed";
    else if (now.weights != fact_called(fact::model_weights))
        session.remark = name + " has other weights than when this session was saved; steps taken keep their masks";
    return session;
}

}  // namespace lacuna
