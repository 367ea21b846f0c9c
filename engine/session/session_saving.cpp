// The part of a session that saves itself into a file, and comes back from one.

#include <utility>

#include "engine/base/numbers.h"
#include "engine/session/session_impl.h"
#include "engine/session/unsaved.h"

namespace lacuna {
namespace fs = std::filesystem;
namespace {

std::string in_words(const std::vector<Moment>& moments) {
    const Document& document = *moments.back().document;
    std::string words = counted(document.steps, "step");
    if (moments.size() > 1) words += ", " + counted(int64_t(moments.size()) - 1, "edit") + " to undo";
    return words;
}

}  // namespace

std::vector<Moment> Session::Impl::moments() const {
    std::vector<Moment> all;
    for (const UndoEntry& entry : undo.entries()) all.push_back({entry.label, entry.document});
    all.push_back({"", document});
    return all;
}

SessionFacts Session::Impl::facts(const std::vector<size_t>& selected) const {
    SessionFacts facts;
    if (data) facts.data = data->path();
    for (const size_t tensor : selected)
        if (tensor < document->tensors.size()) facts.selected.push_back(document->info(tensor).name);
    return facts;
}

void Session::save_session(fs::path file, std::vector<size_t> selected, std::function<void(bool)> done) {
    if (!done) done = [](bool) {};
    impl_->post([&s = *impl_, file = std::move(file), selected = std::move(selected), done = std::move(done)] {
        if (!s.document) return done(false);
        const auto write = [&s, file, moments = s.moments(), facts = s.facts(selected), edits = s.edits,
                            done](Progress& progress) {
            try {
                write_session(moments, facts, file, progress);
            } catch (...) {
                done(false);
                throw;
            }
            s.post([&s, file, moments, edits, done] {
                const DocumentPtr& document = moments.back().document;
                if (s.document && s.document->model == document->model) {
                    s.mark_saved(edits, document);
                    s.session_file = fs::absolute(file);
                }
                s.notify(Notice::Kind::information, "Saved " + file.filename().string(), in_words(moments));
                s.publish();
                done(true);
            });
        };
        s.start_job("Saving " + file.filename().string(), write);
    });
}

void Session::keep_copy(fs::path copy, std::vector<size_t> selected) {
    impl_->post([&s = *impl_, copy = std::move(copy), selected = std::move(selected)] {
        const UnsavedWork work = unsaved_work(*s.snapshot);
        if (!s.document || work.empty()) return;
        SessionFacts facts = s.facts(selected);
        facts.copy_of = s.session_file;
        facts.unsaved = lacuna::in_words(work);
        const auto write = [&s, copy, facts, moments = s.moments()](const CancelToken& token) {
            Progress progress({}, token);
            std::string problem;
            try {
                write_session(moments, facts, copy, progress);
            } catch (const Cancelled&) {
                return;
            } catch (const std::exception& error) {
                problem = error.what();
            }
            s.post([&s, problem] {
                if (std::exchange(s.copy_problem, problem) == problem || problem.empty()) return;
                s.notify(Notice::Kind::warning, "No copy of what is not saved could be kept: " + problem, "save it");
                s.publish();
            });
        };
        s.copies.replace("copy", s.counted(write), false);
    });
}

void Session::drop_copy(fs::path copy) {
    impl_->post([&s = *impl_, copy = std::move(copy)] {
        const auto drop = [copy](const CancelToken&) {
            std::error_code ignored;
            fs::remove(copy, ignored);
        };
        s.copies.replace("copy", s.counted(drop), true);
    });
}

void Session::open_session(SessionOrder order) {
    Impl& s = *impl_;
    s.control.post(s.counted([&s, order = std::move(order)](const CancelToken& token) {
        s.run_job("Opening " + order.file.filename().string(), token,
                  [&](Progress& progress) { s.restore(order, progress); });
    }));
}

void Session::Impl::restore(const SessionOrder& order, Progress& progress) {
    SessionReader reader(order.file);
    const fs::path path = order.model.empty() ? reader.model() : order.model;
    missing_model = nullptr;
    std::error_code ignored;
    if (!fs::is_regular_file(path, ignored)) {
        missing_model = std::make_shared<const MissingModel>(MissingModel{order, path});
        throw Error(ErrorKind::file, order.file.string(), "its model is not at " + path.string() + " any more",
                    "put it back, or open the session in the window and show where it is");
    }
    const auto model = std::make_shared<const Model>(open_checkpoint(path));
    progress.check();
    ReadSession read = reader.read(model, progress);
    document = read.moments.back().document;
    start_over();
    for (size_t i = 0; i + 1 < read.moments.size(); ++i)
        undo.push(std::move(read.moments[i].label), *read.moments[i].document, *read.moments[i + 1].document);
    session_file = order.recovered ? reader.facts().copy_of : fs::absolute(order.file);
    for (const std::string& name : reader.facts().selected)
        if (const auto tensor = model->checkpoint().find(name)) selected_at_first.push_back(*tensor);
    if (order.recovered) {
        recovered_from = order.file;
        saved = std::make_shared<const Document>(begun_anew(*document));
        ++edits;
    }
    if (!reader.facts().data.empty()) reopen_data(reader.facts().data);
    if (!read.remark.empty()) notify(Notice::Kind::warning, read.remark, "steps from here on go by the model of now");
}

/// Data that are gone take only the accuracy with them.
void Session::Impl::reopen_data(const fs::path& path) {
    try {
        data = Dataset::open(path);
        forget_calibration();
    } catch (const Error& error) {
        notify(Notice::Kind::warning, std::string("The session's data: ") + error.what());
    }
}

}  // namespace lacuna
