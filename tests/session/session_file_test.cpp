#include "engine/session/session_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "engine/base/error.h"
#include "engine/session/packed_words.h"
#include "engine/session/session_schema.h"
#include "engine/session/unsaved.h"
#include "tests/support/safetensors_file.h"
#include "tests/support/scratch_folder.h"

namespace lacuna {
namespace {

using testing::HasSubstr;
using namespace testing_support;

void expect_equal(const MaskPtr& a, const MaskPtr& b, const std::string& name) {
    ASSERT_EQ(a == nullptr, b == nullptr) << name;
    if (a) {
        EXPECT_EQ(*a, *b) << name;
    }
}

void expect_equal(const Snapshot& a, const Snapshot& b) {
    EXPECT_EQ(a.steps, b.steps);
    EXPECT_EQ(a.schedule, b.schedule);
    EXPECT_EQ(a.pruned, b.pruned);
    EXPECT_EQ(a.pending, b.pending);
    EXPECT_EQ(a.undo_label, b.undo_label);
    ASSERT_EQ(a.history.size(), b.history.size());
    for (size_t i = 0; i < a.history.size(); ++i) {
        ASSERT_EQ(a.history[i] == nullptr, b.history[i] == nullptr) << i;
        if (a.history[i]) {
            EXPECT_EQ(*a.history[i], *b.history[i]) << i;
        }
    }
    ASSERT_EQ(a.tensors.size(), b.tensors.size());
    for (size_t i = 0; i < a.tensors.size(); ++i) {
        const TensorState &x = *a.tensors[i], &y = *b.tensors[i];
        const std::string& name = a.model->checkpoint().tensors()[i].name;
        EXPECT_EQ(x.sparsifier, y.sparsifier) << name;
        EXPECT_EQ(x.options, y.options) << name;
        EXPECT_EQ(x.schedule, y.schedule) << name;
        EXPECT_EQ(x.scheduled, y.scheduled) << name;
        EXPECT_EQ(x.frozen, y.frozen) << name;
        EXPECT_EQ(x.kept, y.kept) << name;
        EXPECT_EQ(x.pending(), y.pending()) << name;
        EXPECT_EQ(x.problem, y.problem) << name;
        EXPECT_EQ(x.stepped == x.saved, y.stepped == y.saved) << name;
        expect_equal(x.stepped, y.stepped, name);
        expect_equal(x.shown, y.shown, name);
    }
}

class SessionFile : public testing::Test {
  protected:
    SessionFile() : model(write_model(folder / "net.safetensors", 1)), file(folder / "net.lacuna") {}

    /// As another file of that name: sessions that are open have mapped the old one.
    static std::filesystem::path replace(const std::filesystem::path& path, const std::vector<TestTensor>& tensors) {
        std::filesystem::remove(path);
        return write_safetensors(path, tensors);
    }
    static std::filesystem::path write_model(const std::filesystem::path& path, unsigned seed, int64_t rows = 32) {
        return replace(path,
                       {random_weights("fc1.weight", {rows, 65}, seed), random_weights("fc1.bias", {32}, 2),
                        random_weights("fc2.weight", {16, 32}, 3), tensor_of<int64_t>("steps", DType::I64, {}, {7})});
    }
    static void open(Session& session, const std::filesystem::path& path) {
        session.open(path);
        session.wait_idle();
    }
    static std::string last_notice(const Session& session) {
        const auto notices = session.snapshot()->notices;
        return notices.empty() ? "" : notices.back().text + " | " + notices.back().detail;
    }
    /// Two steps at different levels, one tensor frozen, and a preview of a third.
    static void work_on(Session& session) {
        session.set_sparsifier({0, 2}, "weight_norm");
        session.set_option({0, 2}, "sparse_block_shape", std::vector<int64_t>{1, 1});
        session.set_option({0, 2}, "sparsity_level", 0.5);
        session.step();
        session.set_option({0}, "sparsity_level", 0.75);
        session.step();
        session.set_frozen({2}, true);
        session.set_sparsifier({0}, "random");
        session.set_option({0}, "sparsity_level", 0.875);
        session.wait_idle();
    }
    static bool save(Session& session, const std::filesystem::path& path) {
        std::promise<bool> saved;
        session.save_session(path, {0, 2}, [&](bool ok) { saved.set_value(ok); });
        const bool ok = saved.get_future().get();
        session.wait_idle();
        return ok;
    }
    /// Opens a file that is to be refused, and gives the one error.
    std::string refusal(const std::filesystem::path& path) {
        Session fresh([] {});
        open(fresh, path);
        EXPECT_FALSE(fresh.snapshot()->model);
        EXPECT_EQ(fresh.snapshot()->notices.size(), 1u);
        return last_notice(fresh);
    }
    /// The file after some SQL, which a stranger may have run on it.
    std::filesystem::path after(const std::string& sql) {
        const auto changed = folder / "changed.lacuna";
        std::filesystem::copy_file(file, changed, std::filesystem::copy_options::overwrite_existing);
        SqliteFile database = SqliteFile::write(changed, "changed");
        database.run(sql.c_str());
        database.close();
        return changed;
    }

    ScratchFolder folder;
    std::filesystem::path model, file;
    Session session{[] {}};
};

TEST_F(SessionFile, GivesTheSameDocumentAndEveryStepBackToItsBeginning) {
    open(session, model);
    work_on(session);
    EXPECT_TRUE(session.snapshot()->modified);
    ASSERT_TRUE(save(session, file)) << last_notice(session);
    EXPECT_THAT(last_notice(session), HasSubstr("Saved net.lacuna | 2 steps, 9 edits to undo"));
    EXPECT_FALSE(session.snapshot()->modified);
    EXPECT_EQ(session.snapshot()->session_file, file);

    Session anew([] {});
    open(anew, file);
    ASSERT_TRUE(anew.snapshot()->model) << last_notice(anew);
    EXPECT_TRUE(anew.snapshot()->notices.empty()) << last_notice(anew);
    EXPECT_FALSE(anew.snapshot()->modified);
    EXPECT_EQ(anew.snapshot()->session_file, file);
    EXPECT_EQ(anew.snapshot()->selected_at_first, (std::vector<size_t>{0, 2}));
    EXPECT_TRUE(anew.snapshot()->pending);
    expect_equal(*session.snapshot(), *anew.snapshot());
    int edits = 0;
    for (; !session.snapshot()->undo_label.empty(); ++edits) {
        for (Session* one : {&session, &anew}) {
            one->undo();
            one->wait_idle();
        }
        expect_equal(*session.snapshot(), *anew.snapshot());
    }
    EXPECT_EQ(edits, 9);
    EXPECT_EQ(anew.snapshot()->pruned, 0);
}

TEST_F(SessionFile, GoesOnToTheSameExportedBytes) {
    open(session, model);
    work_on(session);
    ASSERT_TRUE(save(session, file));
    Session anew([] {});
    open(anew, file);
    for (const auto& [one, name] : {std::pair(&session, "a.safetensors"), std::pair(&anew, "b.safetensors")}) {
        one->step();
        one->export_model(folder / name, Format::safetensors);
        one->wait_idle();
    }
    const std::string bytes = folder.read(folder / "a.safetensors");
    EXPECT_FALSE(bytes.empty());
    EXPECT_TRUE(bytes == folder.read(folder / "b.safetensors"));
}

TEST_F(SessionFile, KeepsSchedulesTiesAndProblems) {
    open(session, model);
    const std::string recipe =
        "version: 1\nties: aten\nsteps: 5\ngroups:\n  - {layers: 'fc1.*', sparsifier: weight_norm, sparsity_level: "
        "0.9}\n  - {layers: 'fc2.weight', sparsifier: weight_norm, sparse_block_shape: [1, 1]}\nschedule: {scheduler: "
        "cubic, initially_zero: true, total_t: [4, 2], init_t: [0, 0], init_sl: [0, 0], delta_t: [1, 1]}\n";
    session.load_recipe(folder.write("r.yaml", recipe));
    session.wait_idle();
    ASSERT_EQ(session.snapshot()->steps, 4) << last_notice(session);
    session.set_sparsifier({2}, "weight_norm");
    session.set_option({2}, "zeros_per_block", int64_t(9));  // more than a block holds
    session.wait_idle();
    ASSERT_FALSE(session.snapshot()->tensors[2]->problem.empty());
    ASSERT_TRUE(save(session, file)) << last_notice(session);
    Session anew([] {});
    open(anew, file);
    expect_equal(*session.snapshot(), *anew.snapshot());
    for (Session* one : {&session, &anew}) {
        one->set_option({2}, "zeros_per_block", int64_t(1));
        one->run_schedule();
        one->wait_idle();
    }
    EXPECT_EQ(anew.snapshot()->steps, 5);
    expect_equal(*session.snapshot(), *anew.snapshot());
}

TEST_F(SessionFile, KnowsTheMasksOfAPreparedModel) {
    const auto prepared = write_safetensors(
        folder / "prepared.safetensors",
        {random_weights("fc.weight_orig", {4, 4}, 1),
         tensor_of<float>("fc.weight_mask", DType::F32, {4, 4}, {1, 1, 1, 0, 1, 1, 1, 0, 1, 1, 1, 0, 1, 1, 1, 0})});
    open(session, prepared);
    ASSERT_EQ(session.snapshot()->pruned, 4) << last_notice(session);
    session.set_sparsifier({0}, "weight_norm");
    session.step();
    session.clear_masks({0});
    session.restart();
    session.wait_idle();
    ASSERT_TRUE(save(session, file)) << last_notice(session);
    Session anew([] {});
    open(anew, file);
    for (int i = 0; i < 5; ++i) {
        expect_equal(*session.snapshot(), *anew.snapshot());
        for (Session* one : {&session, &anew}) {
            one->undo();
            one->wait_idle();
        }
    }
}

TEST_F(SessionFile, MovesAlongWithItsModelAndAsksForOneThatDidNot) {
    open(session, model);
    work_on(session);
    ASSERT_TRUE(save(session, file));
    const auto there = folder / "there";
    std::filesystem::create_directory(there);
    std::filesystem::rename(model, there / "net.safetensors");
    std::filesystem::rename(file, there / "net.lacuna");
    Session along([] {});
    open(along, there / "net.lacuna");
    ASSERT_TRUE(along.snapshot()->model) << last_notice(along);
    EXPECT_EQ(along.snapshot()->model->checkpoint().path(), there / "net.safetensors");

    std::filesystem::rename(there / "net.safetensors", folder / "renamed.safetensors");
    Session lost([] {});
    open(lost, there / "net.lacuna");
    EXPECT_FALSE(lost.snapshot()->model);
    EXPECT_THAT(last_notice(lost), HasSubstr("its model is not at " + model.string()));
    const auto missing = lost.snapshot()->missing_model;
    ASSERT_TRUE(missing);
    EXPECT_EQ(missing->model, model);
    SessionOrder order = missing->order;
    order.model = folder / "renamed.safetensors";
    lost.open_session(order);
    lost.wait_idle();
    EXPECT_EQ(lost.snapshot()->steps, 2) << last_notice(lost);
    EXPECT_FALSE(lost.snapshot()->missing_model);
}

TEST_F(SessionFile, SaysThatTheModelChangedAndRefusesMasksThatDoNotFit) {
    open(session, model);
    work_on(session);
    ASSERT_TRUE(save(session, file));
    write_model(model, 99);
    Session trained([] {});
    open(trained, file);
    EXPECT_THAT(last_notice(trained), HasSubstr("net.safetensors has other weights than when this session was saved"));
    ASSERT_TRUE(trained.snapshot()->model);
    EXPECT_EQ(*trained.snapshot()->tensors[0]->stepped, *session.snapshot()->tensors[0]->stepped);

    replace(model, {random_weights("new.weight", {3, 3}, 1), random_weights("fc1.weight", {32, 65}, 1),
                    random_weights("fc2.weight", {16, 32}, 3)});
    Session grown([] {});
    open(grown, file);
    EXPECT_THAT(last_notice(grown), HasSubstr("has other tensors"));
    ASSERT_TRUE(grown.snapshot()->model);
    EXPECT_EQ(*grown.snapshot()->tensors[1]->stepped, *session.snapshot()->tensors[0]->stepped);
    EXPECT_EQ(grown.snapshot()->history.at(0), nullptr) << "whose counts are of other tensors";

    write_model(model, 1, 33);
    EXPECT_THAT(refusal(file), HasSubstr("fc1.weight is [33, 65] in the model, and [32, 65] in the session"));
    replace(model, {random_weights("other.weight", {3, 3}, 1)});
    EXPECT_THAT(refusal(file), HasSubstr("the model has no tensor fc1.weight"));
}

TEST_F(SessionFile, RefusesWhatIsNoSession) {
    open(session, model);
    work_on(session);
    ASSERT_TRUE(save(session, file));
    EXPECT_THAT(refusal(after("PRAGMA application_id = 0")), HasSubstr("but no session of Lacuna's"));
    EXPECT_THAT(refusal(after("PRAGMA user_version = 2")),
                HasSubstr("is a session of version 2, and this Lacuna reads version 1 | open it with the Lacuna"));
    EXPECT_THAT(refusal(folder.write("empty.lacuna", std::string("SQLite format 3\0", 16))), HasSubstr("is damaged"));
    EXPECT_THAT(refusal(folder / "none.lacuna"), HasSubstr("there is no such file"));
    EXPECT_THAT(refusal(after("CREATE TABLE more(x)")), HasSubstr("its tables are not a session's"));
    EXPECT_THAT(
        refusal(after("ALTER TABLE fact RENAME TO real; CREATE VIEW fact AS WITH RECURSIVE n(name) AS (VALUES(1) "
                      "UNION ALL SELECT name + 1 FROM n) SELECT name, name AS value FROM n")),
        HasSubstr("its tables are not a session's"));
}

TEST_F(SessionFile, RefusesContentThatContradictsTheModelOrItself) {
    open(session, model);
    work_on(session);
    ASSERT_TRUE(save(session, file));
    for (const char* sql : {
             "DELETE FROM moment",
             "DELETE FROM fact WHERE name LIKE 'model%'",
             "UPDATE fact SET name = 'model'",
             "UPDATE fact SET value = 7 WHERE name = 'selected'; UPDATE fact SET value = '{' WHERE name = 'selected'",
             "DELETE FROM tensor",
             "UPDATE tensor SET name = 'fc1.weight', shape = '[32, 65]'",
             "UPDATE moment SET number = number + 1",
             "UPDATE moment SET steps = -1",
             "UPDATE moment SET steps = 1000000000",
             "UPDATE moment SET label = NULL",
             "UPDATE moment SET label = zeroblob(10)",
             "UPDATE moment SET schedulers = '[\"none such\"]', planned = 9",
             "UPDATE moment SET schedulers = '[]', planned = 9",
             "UPDATE record SET step = 900",
             "UPDATE record SET kept = zeroblob(8)",
             "UPDATE record SET moment = 400",
             "UPDATE state SET moment = moment + 300",
             "UPDATE state SET tensor = 1000",
             "UPDATE state SET tensor = 0",
             "UPDATE state SET sparsifier = 'no_such_rule'",
             "UPDATE state SET options = '{\"sparsity_level\": \"much\"}'",
             "UPDATE state SET options = '{\"unheard_of\": 1}'",
             "UPDATE state SET options = replace(hex(zeroblob(2000000)), '0', '[')",
             "UPDATE state SET schedule = '[{}]'",
             "UPDATE state SET scheduled = 9e999",
             "UPDATE state SET frozen = 2",
             "UPDATE state SET mask = 9",
             "UPDATE state SET delta = NULL",
             "UPDATE state SET delta = zeroblob(100)",
             "UPDATE state SET delta = substr(delta, 1, length(delta) - 5)",
         })
        EXPECT_THAT(refusal(after(sql)), HasSubstr("is damaged: ")) << sql;
}

TEST_F(SessionFile, RefusesAFrameThatUnpacksToMoreThanTheMask) {
    const std::vector<uint64_t> words(1 << 20);  // 8 MiB in a few hundred bytes
    const auto frame = packed(words);
    EXPECT_LT(frame.size(), 2000u);
    EXPECT_FALSE(unpacked(frame, 33));
    EXPECT_FALSE(unpacked({frame.data(), frame.size() - 1}, words.size()));
    EXPECT_EQ(unpacked(frame, words.size()), words);

    open(session, model);
    work_on(session);
    ASSERT_TRUE(save(session, file));
    const auto bomb = after("UPDATE state SET mask = 0, delta = NULL");  // as it would be without a mask
    SqliteFile database = SqliteFile::write(bomb, "bomb");
    SqliteQuery(database, "UPDATE state SET mask = 3, delta = ?").bind(0, frame).run();
    database.close();
    EXPECT_THAT(refusal(bomb), HasSubstr("the mask of fc1.weight cannot be unpacked"));
    const std::vector<uint64_t> all(33, ~uint64_t(0));  // 32·65 weights end in the middle of the last word
    const auto long_frame = packed(all);
    SqliteFile tail = SqliteFile::write(bomb, "bomb");
    SqliteQuery(tail, "UPDATE state SET delta = ? WHERE tensor = 0").bind(0, long_frame).run();
    tail.close();
    EXPECT_THAT(refusal(bomb), HasSubstr("the mask of fc1.weight is too long"));
}

TEST_F(SessionFile, NoDamagedBytesDoMoreThanOneError) {
    open(session, model);
    work_on(session);
    ASSERT_TRUE(save(session, file));
    const std::string whole = folder.read(file);
    Progress silent;
    const ModelPtr opened = session.snapshot()->model;
    int refused = 0, tried = 0;
    const auto attempt = [&](const std::string& bytes) {
        ++tried;
        const auto path = folder.write("damaged.lacuna", bytes);
        try {
            SessionReader reader(path);
            const ReadSession read = reader.read(opened, silent);
            for (const Moment& moment : read.moments)
                for (size_t i = 0; i < moment.document->tensors.size(); ++i) {
                    const MaskPtr& mask = moment.document->tensors[i]->stepped;
                    if (mask) {
                        ASSERT_EQ(mask->shape(), moment.document->info(i).shape);
                    }
                }
        } catch (const Error& error) {
            ++refused;
            EXPECT_THAT(error.what(), HasSubstr("damaged.lacuna")) << error.what();
        }
    };
    for (size_t length = 0; length < whole.size(); length += 509) attempt(whole.substr(0, length));
    for (size_t at = 0; at < whole.size(); at += 37) {
        std::string bytes = whole;
        bytes[at] = char(bytes[at] ^ (1 << at % 8));
        attempt(bytes);
    }
    EXPECT_GT(refused, tried / 10) << "most bytes are empty room, or words of one's own";
}

TEST_F(SessionFile, AFailedSaveSaysWhyAndLeavesTheTargetAlone) {
    EXPECT_FALSE(save(session, file)) << "nothing is open";
    open(session, model);
    work_on(session);
    EXPECT_FALSE(save(session, folder / "none" / "x.lacuna"));
    EXPECT_THAT(last_notice(session), HasSubstr("Saving x.lacuna"));
    EXPECT_TRUE(session.snapshot()->modified);
    EXPECT_TRUE(session.snapshot()->session_file.empty());
}

TEST_F(SessionFile, SavedTwiceItHasTheSameBytes) {
    open(session, model);
    work_on(session);
    ASSERT_TRUE(save(session, file));
    const std::string first = folder.read(file);
    ASSERT_TRUE(save(session, file));
    EXPECT_TRUE(first == folder.read(file));
    for (const auto& entry : std::filesystem::directory_iterator(folder.path()))
        EXPECT_TRUE(entry.path() == file || entry.path() == model) << entry.path() << " was left behind";
}

TEST_F(SessionFile, AnEditWhileSavingIsNotSaved) {
    open(session, model);
    session.set_sparsifier({0}, "weight_norm");
    session.save_session(file, {});
    session.set_option({0}, "sparsity_level", 0.25);
    session.wait_idle();
    EXPECT_TRUE(session.snapshot()->modified);
    EXPECT_EQ(unsaved_work(*session.snapshot()), (UnsavedWork{0, 1, 0, false}));
}

TEST_F(SessionFile, NamesWhatIsNotSaved) {
    open(session, model);
    EXPECT_TRUE(unsaved_work(*session.snapshot()).empty());
    work_on(session);
    EXPECT_EQ(in_words(unsaved_work(*session.snapshot())), "2 steps and choices for 2 tensors");
    ASSERT_TRUE(save(session, file));
    EXPECT_TRUE(unsaved_work(*session.snapshot()).empty());
    session.clear_masks({2});
    session.wait_idle();
    EXPECT_EQ(in_words(unsaved_work(*session.snapshot())), "masks of 1 tensor");
    session.set_schedule({"cubic"});
    session.wait_idle();
    EXPECT_THAT(in_words(unsaved_work(*session.snapshot())), HasSubstr("masks of 1 tensor and the schedule"));
    session.undo();
    session.undo();
    session.wait_idle();
    EXPECT_TRUE(unsaved_work(*session.snapshot()).empty()) << "as it was saved";
}

TEST_F(SessionFile, ACopyAgainstACrashComesBackUnsaved) {
    open(session, model);
    const auto copy = folder / "copy.lacuna";
    session.keep_copy(copy, {});
    session.wait_idle();
    EXPECT_FALSE(std::filesystem::exists(copy)) << "there is nothing to lose";
    session.set_sparsifier({0}, "weight_norm");
    session.wait_idle();
    ASSERT_TRUE(save(session, file));
    session.step();
    session.keep_copy(copy, {0});
    session.wait_idle();
    EXPECT_TRUE(session.snapshot()->modified) << "a copy is no save";
    SessionReader reader(copy);
    EXPECT_EQ(reader.facts().unsaved, "1 step");
    EXPECT_EQ(reader.facts().copy_of, file);

    Session again([] {});
    again.open_session({copy, {}, true});
    again.wait_idle();
    EXPECT_TRUE(again.snapshot()->modified);
    EXPECT_EQ(again.snapshot()->session_file, file);
    EXPECT_EQ(in_words(unsaved_work(*again.snapshot())), "1 step and choices for 1 tensor");
    expect_equal(*session.snapshot(), *again.snapshot());
    again.drop_copy(copy);
    again.wait_idle();
    EXPECT_FALSE(std::filesystem::exists(copy));
    again.keep_copy(folder / "none" / "copy.lacuna", {});
    again.keep_copy(folder / "none" / "copy.lacuna", {});
    again.wait_idle();
    EXPECT_THAT(last_notice(again), HasSubstr("No copy of what is not saved could be kept"));
    EXPECT_EQ(again.snapshot()->notices.size(), 1u) << "said once";
}

}  // namespace
}  // namespace lacuna
