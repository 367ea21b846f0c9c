#include "ui/shell/layer_tree_model.h"

#include <gmock/gmock.h>

#include <QAbstractItemModelTester>
#include <QSignalSpy>

#include "tests/ui/application.h"
#include "tests/ui/shell/sample_model.h"
#include "ui/shell/layer_filter_proxy.h"

namespace lacuna::ui {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

class LayerTree : public testing::Test {
  protected:
    LayerTree() {
        test_application();
        snapshot = snapshot_of(write_sample(folder / "sample.safetensors"));
        model.set_snapshot(snapshot);
    }

    QModelIndex row(const QString& fqn, int column = 0, const QModelIndex& parent = {}) const {
        for (int i = 0; i < model.rowCount(parent); ++i) {
            const QModelIndex index = model.index(i, 0, parent);
            if (index.data(LayerTreeModel::FqnRole) == fqn) return index.siblingAtColumn(column);
            if (const QModelIndex below = row(fqn, column, index); below.isValid()) return below;
        }
        return {};
    }
    QString text(const QString& fqn, int column) const { return row(fqn, column).data().toString(); }

    testing_support::ScratchFolder folder;
    std::shared_ptr<Snapshot> snapshot;
    LayerTreeModel model;
};

TEST_F(LayerTree, KeepsQtsRulesThroughSnapshots) {
    QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::Fatal);
    model.set_snapshot(with_pruned(*snapshot, fc1_weight, 10, true));
    model.set_snapshot(std::make_shared<Snapshot>());
    EXPECT_EQ(model.rowCount(), 0);
    model.set_snapshot(snapshot);
    EXPECT_EQ(model.rowCount(), 3);
}

TEST_F(LayerTree, ShowsLayersAndTensorsInFileOrder) {
    ASSERT_EQ(model.rowCount(), 3);
    EXPECT_EQ(model.index(0, 0).data().toString(), "encoder");
    EXPECT_EQ(model.index(1, 0).data().toString(), "head.weight");  // a layer that is nothing but one tensor: one row
    EXPECT_EQ(model.index(2, 0).data().toString(), "steps");
    EXPECT_EQ(text("encoder.fc1.weight", LayerTreeModel::Name), "weight");
    EXPECT_EQ(text("encoder.fc1.weight", LayerTreeModel::ShapeColumn), "16×8");
    EXPECT_EQ(text("encoder.fc1.weight", LayerTreeModel::Type), "F32");
    EXPECT_EQ(text("encoder.fc1", LayerTreeModel::Parameters), "144");
    EXPECT_EQ(text("encoder.fc1", LayerTreeModel::ShapeColumn), "16×8") << "a closed layer shows its weight's shape";
}

TEST_F(LayerTree, SaysWhyATensorCannotBePruned) {
    EXPECT_THAT(row("steps").data(Qt::ToolTipRole).toString().toStdString(), testing::HasSubstr("Cannot be pruned"));
    EXPECT_EQ(text("steps", LayerTreeModel::Sparsity), "");
    EXPECT_FALSE(row("steps", LayerTreeModel::Sparsity).data(LayerTreeModel::BarRole).isValid());
}

TEST_F(LayerTree, SelectingALayerMeansItsPrunableTensors) {
    EXPECT_THAT(model.tensors_of(row("encoder")), ElementsAre(fc1_weight, fc2_weight));
    EXPECT_THAT(model.tensors_of(row("encoder.fc1.bias")), ElementsAre(fc1_bias)) << "named outright";
    EXPECT_THAT(model.tensors_of(row("steps")), IsEmpty());
    EXPECT_EQ(model.focus_of(row("encoder.fc2")), std::optional<size_t>(fc2_weight));
    EXPECT_EQ(model.focus_of({}), std::nullopt);
}

TEST_F(LayerTree, AddsUpSparsityAndTellsPreviewFromStepped) {
    auto next = with_pruned(*snapshot, fc1_weight, 64, true);
    next = with_pruned(*next, fc2_weight, 32, false);
    model.set_snapshot(next);
    const auto bar = [this](const char* fqn) {
        return row(fqn, LayerTreeModel::Sparsity).data(LayerTreeModel::BarRole).value<SparsityBar>();
    };
    EXPECT_EQ(text("encoder.fc1.weight", LayerTreeModel::Sparsity), "50.0\u00a0%");
    EXPECT_FALSE(bar("encoder.fc1.weight").pending);
    EXPECT_DOUBLE_EQ(bar("encoder.fc2.weight").stepped, 0);
    EXPECT_DOUBLE_EQ(bar("encoder.fc2.weight").shown, 0.25);
    EXPECT_TRUE(bar("encoder").pending);
    EXPECT_DOUBLE_EQ(bar("encoder").stepped, 64.0 / 280);
    EXPECT_DOUBLE_EQ(bar("encoder").shown, 96.0 / 280);
}

TEST_F(LayerTree, ShowsTheZerosOfTheFileOnceTheyAreCounted) {
    const auto tip = [this](const char* fqn) {
        return row(fqn, LayerTreeModel::Sparsity).data(Qt::ToolTipRole).toString().toStdString();
    };
    auto next = std::make_shared<Snapshot>(*with_pruned(*snapshot, fc2_weight, 64, true));
    next->zeros.assign(next->tensors.size(), {.coming = true});
    model.set_snapshot(next);
    EXPECT_EQ(text("encoder.fc1.weight", LayerTreeModel::Sparsity), "…");
    EXPECT_EQ(text("encoder.fc2.weight", LayerTreeModel::Sparsity), "50.0\u00a0%") << "the mask's are known";
    EXPECT_THAT(tip("encoder.fc1.weight"), testing::HasSubstr("being counted"));

    next = std::make_shared<Snapshot>(*next);
    next->zeros.assign(next->tensors.size(), {.known = true});
    next->zeros[fc1_weight] = {.known = true, .own = 32, .stepped = 32, .shown = 32};
    next->zeros[fc1_bias] = {.known = true, .own = 4, .stepped = 4, .shown = 4};
    next->zeros[fc2_weight] = {.known = true, .own = 32, .stepped = 96, .shown = 96};
    model.set_snapshot(next);
    EXPECT_EQ(text("encoder.fc1.weight", LayerTreeModel::Sparsity), "25.0\u00a0%");
    EXPECT_EQ(text("encoder.fc1.bias", LayerTreeModel::Sparsity), "25.0\u00a0%") << "not to be pruned, but zero";
    EXPECT_EQ(text("encoder.fc2.bias", LayerTreeModel::Sparsity), "");
    EXPECT_EQ(text("encoder.fc2.weight", LayerTreeModel::Sparsity), "75.0\u00a0%");
    EXPECT_EQ(text("head.weight", LayerTreeModel::Sparsity), "0.0\u00a0%");
    EXPECT_EQ(text("encoder", LayerTreeModel::Sparsity), "47.1\u00a0%") << "132 of 280";
    EXPECT_THAT(tip("encoder.fc2.weight"),
                testing::HasSubstr("25.0\u00a0% zeros in the file, 75.0\u00a0% after pruning"));
    EXPECT_THAT(tip("encoder.fc1.weight"), testing::Not(testing::HasSubstr("after pruning")));
}

TEST_F(LayerTree, NamesACommonSparsifierAndCallsOthersMixed) {
    const auto set = [](const Snapshot& before, size_t tensor, const char* name) {
        return with_state(before, tensor, [&](TensorState& state) { state.sparsifier = &sparsifier(name); });
    };
    auto next = set(*snapshot, fc1_weight, "weight_norm");
    model.set_snapshot(next);
    EXPECT_EQ(text("encoder.fc1", LayerTreeModel::SparsifierColumn), "Weight norm");
    EXPECT_EQ(text("encoder", LayerTreeModel::SparsifierColumn), "mixed");
    model.set_snapshot(set(*next, fc2_weight, "weight_norm"));
    EXPECT_EQ(text("encoder", LayerTreeModel::SparsifierColumn), "Weight norm");
    model.set_snapshot(set(*next, fc2_weight, "nearly_diagonal"));
    EXPECT_EQ(text("encoder", LayerTreeModel::SparsifierColumn), "mixed");
}

TEST_F(LayerTree, AnnouncesOnlyWhatChanged) {
    QSignalSpy changed(&model, &QAbstractItemModel::dataChanged);
    QSignalSpy reset(&model, &QAbstractItemModel::modelReset);
    auto same = std::make_shared<Snapshot>(*snapshot);
    model.set_snapshot(same);
    EXPECT_EQ(changed.size(), 0);
    model.set_snapshot(with_pruned(*same, fc1_weight, 3, false));
    QStringList rows;
    for (const auto& call : changed) rows << call[0].toModelIndex().data(LayerTreeModel::FqnRole).toString();
    EXPECT_EQ(rows.size(), 3) << rows.join(' ').toStdString();
    EXPECT_TRUE(rows.contains("encoder") && rows.contains("encoder.fc1") && rows.contains("encoder.fc1.weight"));
    EXPECT_EQ(reset.size(), 0);
}

TEST_F(LayerTree, FiltersByNameTypeAndSparsifier) {
    model.set_snapshot(with_state(*snapshot, fc2_weight,
                                  [](TensorState& state) { state.sparsifier = &sparsifier("nearly_diagonal"); }));
    LayerFilterProxy proxy;
    QAbstractItemModelTester tester(&proxy, QAbstractItemModelTester::FailureReportingMode::Fatal);
    proxy.setSourceModel(&model);
    const auto tensors = [&](const QString& line) {
        proxy.set_filter(line);
        std::vector<std::string> found;
        const std::function<void(const QModelIndex&)> visit = [&](const QModelIndex& parent) {
            for (int i = 0; i < proxy.rowCount(parent); ++i) {
                const QModelIndex index = proxy.index(i, 0, parent);
                if (!proxy.hasChildren(index))
                    found.push_back(index.data(LayerTreeModel::FqnRole).toString().toStdString());
                visit(index);
            }
        };
        visit({});
        return found;
    };
    EXPECT_EQ(tensors("").size(), 6u);
    EXPECT_THAT(tensors("FC1 weight"), ElementsAre("encoder.fc1.weight"));
    EXPECT_THAT(tensors("encoder.fc1"), UnorderedElementsAre("encoder.fc1.weight", "encoder.fc1.bias"));
    EXPECT_THAT(tensors("i64"), ElementsAre("steps"));
    EXPECT_THAT(tensors("encoder.*.weight"), ElementsAre("encoder.fc1.weight", "encoder.fc2.weight"));
    EXPECT_THAT(tensors("fc?.bias"), IsEmpty()) << "a glob is over the whole name";
    EXPECT_THAT(tensors("nearly"), testing::Contains("encoder.fc2.weight"));
    EXPECT_THAT(tensors("no such layer"), IsEmpty());
}

/// 20,000 tensors, every one of them changed: a view, which looks each row up that it is told of, is told once. Speed
/// itself is what small_layers_window_bench measures.
TEST(LargeLayerTree, ManyChangesAreToldOnce) {
    test_application();
    testing_support::ScratchFolder folder;
    std::vector<testing_support::TestTensor> tensors;
    const std::vector<float> one{1, 2, 3, 4};
    for (int i = 0; i < 10'000; ++i) {
        const std::string layer = "blocks." + std::to_string(i / 10) + ".part" + std::to_string(i % 10);
        tensors.push_back(testing_support::tensor_of(layer + ".weight", DType::F32, {2, 2}, one));
        tensors.push_back(testing_support::tensor_of(layer + ".bias", DType::F32, {4}, one));
    }
    const auto snapshot = snapshot_of(write_safetensors(folder / "large.safetensors", tensors));
    LayerTreeModel model;
    LayerFilterProxy proxy;
    proxy.setSourceModel(&model);
    model.set_snapshot(snapshot);
    const QSignalSpy rows(&model, &LayerTreeModel::dataChanged), all(&model, &LayerTreeModel::many_changed);
    auto next = std::make_shared<Snapshot>(*snapshot);
    for (auto& state : next->tensors) {
        auto changed = std::make_shared<TensorState>(*state);
        changed->sparsifier = &sparsifier("weight_norm");
        state = changed;
    }
    model.set_snapshot(next);
    EXPECT_EQ(rows.size(), 0);
    EXPECT_EQ(all.size(), 1);
    proxy.set_filter("part7 weight");
    EXPECT_EQ(proxy.rowCount(proxy.index(0, 0)), 1000);
    EXPECT_EQ(proxy.rowCount(proxy.index(5, 0, proxy.index(0, 0))), 1);
    proxy.set_filter("weight norm");  // two words, both of the sparsifier and one of the name
    EXPECT_EQ(proxy.rowCount(proxy.index(5, 0, proxy.index(0, 0))), 10);
}

/// What a filter lists stays while a person works on it, and another model is shown whole.
TEST_F(LayerTree, AFilterKeepsWhatItListsAndSurvivesAnotherModel) {
    LayerFilterProxy proxy;
    proxy.setSourceModel(&model);
    model.set_snapshot(with_state(*snapshot, fc2_weight,
                                  [](TensorState& state) { state.sparsifier = &sparsifier("nearly_diagonal"); }));
    proxy.set_filter("nearly");
    ASSERT_EQ(proxy.rowCount(), 1);
    model.set_snapshot(snapshot);  // without the sparsifier
    EXPECT_EQ(proxy.rowCount(), 1);
    proxy.set_filter("nearly");
    EXPECT_EQ(proxy.rowCount(), 0);
    model.set_snapshot(std::make_shared<Snapshot>());
    model.set_snapshot(snapshot);
    EXPECT_EQ(proxy.rowCount(), 0);
    proxy.set_filter("");
    EXPECT_EQ(proxy.rowCount(), 3);
}

TEST_F(LayerTree, APreparedLayerHoldsItsWeightAndItsMask) {
    using namespace testing_support;
    snapshot = snapshot_of(
        write_safetensors(folder / "prepared.safetensors",
                          {random_weights("fc.parametrizations.weight.original", {2, 2}, 1),
                           tensor_of<float>("fc.parametrizations.weight.0.mask", DType::F32, {2, 2}, {1, 0, 0, 1}),
                           random_weights("fc.bias", {2}, 2)}));
    model.set_snapshot(snapshot);
    ASSERT_EQ(model.rowCount(), 1);
    EXPECT_EQ(text("fc", LayerTreeModel::Type), "Linear");
    EXPECT_EQ(text("fc.parametrizations.weight.original", LayerTreeModel::Sparsity), "50.0\u00a0%");
    EXPECT_EQ(text("fc.parametrizations.weight.original", LayerTreeModel::Name), "parametrizations.weight.original");
    const QModelIndex mask = row("fc.parametrizations.weight.0.mask");
    EXPECT_THAT(model.tensors_of(mask), IsEmpty());
    EXPECT_THAT(model.tensors_of(row("fc")), ElementsAre(0u));
    EXPECT_TRUE(mask.data(Qt::ToolTipRole).toString().contains("The mask that the file holds for fc.parametrizations"));
}

}  // namespace
}  // namespace lacuna::ui
