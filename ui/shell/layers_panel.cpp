#include "ui/shell/layers_panel.h"

#include <QApplication>
#include <QClipboard>
#include <QHeaderView>
#include <QLabel>
#include <QLineEdit>
#include <QMenu>
#include <QResizeEvent>
#include <QTreeView>
#include <QVBoxLayout>
#include <algorithm>
#include <array>
#include <span>

#include "ui/shell/sparsity_bar_delegate.h"
#include "ui/shell/text_format.h"
#include "ui/theme.h"

namespace lacuna::ui {
namespace {

/// Models of up to this many tensors open whole, somewhat larger ones down to the layers that hold tensors, and large
/// ones one level deep.
constexpr size_t small_model = 16, middling_model = 400;
constexpr int least_name = 88, long_name = 150;  ///< pixels of the name's column, if others can spare them
constexpr int smallest_column = 56;
constexpr qsizetype most_ranges_kept = 200;

}  // namespace

LayersPanel::LayersPanel(QWidget* parent)
    : QWidget(parent),
      model_(new LayerTreeModel(this)),
      proxy_(new LayerFilterProxy(this)),
      filter_(new QLineEdit(this)),
      view_(new QTreeView(this)),
      summary_(new QLabel(this)) {
    setObjectName(QStringLiteral("layers"));
    proxy_->setSourceModel(model_);
    filter_->setPlaceholderText(tr("Filter by name, type or sparsifier"));
    filter_->setToolTip(
        tr("Every word must occur in the name, type or sparsifier. A word with * or ? is a pattern over "
           "the whole name, as in a recipe: *.fc1.*"));
    filter_->setAccessibleName(tr("Filter layers"));
    filter_->setClearButtonEnabled(true);
    summary_->setProperty("role", "hint");
    build_view();

    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(Theme::space, Theme::space, Theme::space, Theme::space);
    column->setSpacing(Theme::space);
    column->addWidget(filter_);
    column->addWidget(view_, 1);
    column->addWidget(summary_);

    connect(model_, &LayerTreeModel::many_changed, view_->viewport(), qOverload<>(&QWidget::update));
    connect(filter_, &QLineEdit::textChanged, this, &LayersPanel::apply_filter);
    // Once a turn of the event loop: rows that a filter hides leave the selection one signal after the other.
    reader_.setSingleShot(true);
    reader_.setInterval(0);
    connect(&reader_, &QTimer::timeout, this, &LayersPanel::read_selection);
    const auto read_soon = qOverload<>(&QTimer::start);
    connect(view_->selectionModel(), &QItemSelectionModel::selectionChanged, &reader_, read_soon);
    connect(view_->selectionModel(), &QItemSelectionModel::currentChanged, &reader_, read_soon);
    auto* fitter = new QTimer(this);  // once for all rows that open together
    fitter->setSingleShot(true);
    fitter->setInterval(0);
    connect(fitter, &QTimer::timeout, this, &LayersPanel::fit_columns);
    connect(view_, &QTreeView::expanded, fitter, read_soon);
    connect(view_, &QWidget::customContextMenuRequested, this, &LayersPanel::show_menu);
}

void LayersPanel::build_view() {
    view_->setModel(proxy_);
    view_->setItemDelegateForColumn(LayerTreeModel::Sparsity, new SparsityBarDelegate(view_));
    view_->setAccessibleName(tr("Layers"));
    view_->setUniformRowHeights(true);
    view_->setAlternatingRowColors(false);
    view_->setSelectionMode(QAbstractItemView::ExtendedSelection);
    view_->setSelectionBehavior(QAbstractItemView::SelectRows);
    view_->setAllColumnsShowFocus(false);
    view_->setIndentation(11);
    view_->setContextMenuPolicy(Qt::CustomContextMenu);
    view_->setHorizontalScrollMode(QAbstractItemView::ScrollPerPixel);
    view_->setTextElideMode(Qt::ElideRight);
    QHeaderView* header = view_->header();
    header->setStretchLastSection(false);
    header->setSectionsMovable(false);
    header->setHighlightSections(false);
    header->setMinimumSectionSize(smallest_column);
    fit_columns();
    header->setSectionResizeMode(LayerTreeModel::Name, QHeaderView::Stretch);
}

/// As wide as what they say, within bounds; the name gets the rest, and where that is too little, what others can
/// spare.
void LayersPanel::fit_columns() {
    struct Width {
        int column, least, width;
    };
    const auto said = [rows = static_cast<const QAbstractItemView*>(view_), header = view_->header()](
                          int column, int least, int most) {
        const int words = std::max(rows->sizeHintForColumn(column), header->sectionSizeHint(column));
        return std::clamp(words + Theme::tight, least, most);
    };
    // Sparsifiers are chosen later: room for a usual title.
    const int title = fontMetrics().horizontalAdvance(tr("Weight norm")) + 2 * Theme::space;
    std::array widths{
        Width{LayerTreeModel::Type, 44, said(LayerTreeModel::Type, 44, 76)},
        Width{LayerTreeModel::ShapeColumn, 66, said(LayerTreeModel::ShapeColumn, 52, 120)},
        Width{LayerTreeModel::Parameters, 72, said(LayerTreeModel::Parameters, 58, 80)},
        Width{LayerTreeModel::Sparsity, 74, said(LayerTreeModel::Sparsity, 74, 112)},
        Width{LayerTreeModel::SparsifierColumn, title, said(LayerTreeModel::SparsifierColumn, title, 160)}};
    int least = least_name;
    for (const Width& one : widths) least += one.least;
    for (Width& one : std::span(widths).first(3)) {  // in a small window a name tells more than these
        const bool hidden = least > view_->viewport()->width();
        view_->setColumnHidden(one.column, hidden);
        if (!hidden) continue;
        least -= one.least;
        one.width = one.least = 0;
    }
    int lacking = said(LayerTreeModel::Name, least_name, long_name) - view_->viewport()->width();
    for (const Width& one : widths) lacking += one.width;
    for (Width& one : widths) {
        const int spared = std::clamp(lacking, 0, std::max(0, one.width - one.least));
        one.width -= spared;
        lacking -= spared;
        if (one.width > 0) view_->header()->resizeSection(one.column, one.width);
    }
}

void LayersPanel::resizeEvent(QResizeEvent* event) {
    QWidget::resizeEvent(event);
    if (event->size().width() != event->oldSize().width()) fit_columns();
}

void LayersPanel::set_snapshot(const SnapshotPtr& snapshot) {
    const bool other = !snapshot_ || snapshot_->model != snapshot->model;
    snapshot_ = snapshot;
    model_->set_snapshot(snapshot);
    if (other) {
        filter_->clear();
        filter_->setEnabled(snapshot->model != nullptr);
        expand_at_first();
        fit_columns();
        read_selection();
        select_something();
        view_->setFocus();
    }
    show_summary();
}

/// The largest prunable tensor, so that the canvases have something to show from the first moment; in a small model all
/// prunable tensors with it, so that the first slider moves the whole network.
void LayersPanel::select_something() {
    if (!snapshot_->model) return;
    const auto& tensors = snapshot_->model->checkpoint().tensors();
    const auto weights = [](const TensorInfo& t) { return prunable_by_default(t) ? t.elements() : 0; };
    const auto found = std::max_element(tensors.begin(), tensors.end(),
                                        [&](const auto& a, const auto& b) { return weights(a) < weights(b); });
    if (found == tensors.end() || weights(*found) == 0) return;
    QModelIndex row = proxy_->mapFromSource(model_->index_of_tensor(size_t(found - tensors.begin())));
    while (row.parent().isValid() && !view_->isExpanded(row.parent())) row = row.parent();
    view_->setCurrentIndex(row);
    if (tensors.size() <= small_model) select_all_prunable();
    if (!snapshot_->selected_at_first.empty()) select_tensors(snapshot_->selected_at_first);
    read_selection();
}

void LayersPanel::expand_at_first() {
    const size_t tensors = snapshot_->model ? snapshot_->model->checkpoint().tensors().size() : 0;
    view_->collapseAll();
    if (tensors <= small_model)
        view_->expandAll();
    else if (tensors <= middling_model)
        expand_below({});
    else
        view_->expandToDepth(0);
}

/// Expands what holds layers; what holds nothing but tensors says enough while it is closed.
void LayersPanel::expand_below(const QModelIndex& parent) {
    for (int row = 0; row < proxy_->rowCount(parent); ++row) {
        const QModelIndex index = proxy_->index(row, 0, parent);
        bool holds_layers = false;
        for (int child = 0; child < proxy_->rowCount(index); ++child)
            holds_layers |= proxy_->hasChildren(proxy_->index(child, 0, index));
        if (!holds_layers) continue;
        view_->expand(index);
        expand_below(index);
    }
}

/// Through a reset: taking rows out one by one costs a large tree half a minute. What was selected stays so.
void LayersPanel::apply_filter(const QString& line) {
    const QModelIndex current = proxy_->mapToSource(view_->currentIndex());
    const QItemSelection selection = view_->selectionModel()->selection();
    const QModelIndexList rows = selection.size() > most_ranges_kept
                                     ? QModelIndexList{current}
                                     : proxy_->mapSelectionToSource(selection).indexes();
    const QByteArray columns = view_->header()->saveState();
    proxy_->setSourceModel(nullptr);
    proxy_->set_filter(line);
    proxy_->setSourceModel(model_);
    view_->header()->restoreState(columns);
    if (proxy_->filtering())
        view_->expandAll();
    else
        expand_at_first();
    QItemSelection kept;
    for (const QModelIndex& row : rows)
        if (const QModelIndex shown = proxy_->mapFromSource(row); shown.isValid() && shown.column() == 0)
            kept.select(shown, shown);
    if (const QModelIndex shown = proxy_->mapFromSource(current); shown.isValid()) {
        view_->selectionModel()->setCurrentIndex(shown, QItemSelectionModel::NoUpdate);
        view_->scrollTo(shown);
    }
    view_->selectionModel()->select(kept, QItemSelectionModel::ClearAndSelect | QItemSelectionModel::Rows);
    read_selection();
}

void LayersPanel::read_selection() {
    std::vector<size_t> tensors;
    // By ranges: QItemSelectionModel::selectedRows takes time in the square of their number.
    for (const QItemSelectionRange& range : view_->selectionModel()->selection()) {
        for (int row = range.top(); row <= range.bottom(); ++row) {
            const auto below = model_->tensors_of(proxy_->mapToSource(proxy_->index(row, 0, range.parent())));
            tensors.insert(tensors.end(), below.begin(), below.end());
        }
    }
    std::sort(tensors.begin(), tensors.end());
    tensors.erase(std::unique(tensors.begin(), tensors.end()), tensors.end());
    model_->leave_out_bystanders(tensors);
    const auto focus = model_->focus_of(proxy_->mapToSource(view_->currentIndex()));
    if (focus != focus_) {
        focus_ = focus;
        Q_EMIT focus_changed(focus_);
    }
    if (tensors != selected_) {
        selected_ = std::move(tensors);
        Q_EMIT selection_changed(selected_);
    }
    show_summary();
}

void LayersPanel::show_summary() {
    if (!snapshot_ || !snapshot_->model) return summary_->setText(tr("No model is open"));
    const auto& tensors = snapshot_->model->checkpoint().tensors();
    if (selected_.empty())
        return summary_->setText(
            tr("%1 · %2").arg(counted(int64_t(tensors.size()), "tensor"), counted(snapshot_->parameters, "parameter")));
    int64_t weights = 0;
    for (size_t tensor : selected_) weights += tensors[tensor].elements();
    summary_->setText(
        tr("%1 selected · %2").arg(counted(int64_t(selected_.size()), "tensor"), counted(weights, "weight")));
}

void LayersPanel::select_all_prunable() {
    if (!snapshot_ || !snapshot_->model) return;
    QItemSelection rows;
    const auto add = [&rows](const QModelIndex& row) {
        if (row.isValid() && row.siblingAtColumn(LayerTreeModel::Sparsity).data(LayerTreeModel::BarRole).isValid())
            rows.append(QItemSelectionRange(row));
    };
    if (proxy_->filtering()) {
        const auto& tensors = snapshot_->model->checkpoint().tensors();
        for (size_t i = 0; i < tensors.size(); ++i)
            if (prunable_by_default(tensors[i])) add(proxy_->mapFromSource(model_->index_of_tensor(i)));
    } else {
        for (int row = 0; row < proxy_->rowCount(); ++row)
            add(proxy_->index(row, 0));  // layers stand for what they hold
    }
    view_->selectionModel()->select(rows, QItemSelectionModel::ClearAndSelect | QItemSelectionModel::Rows);
    read_selection();
}

void LayersPanel::select_tensor(size_t tensor) {
    const QModelIndex row = proxy_->mapFromSource(model_->index_of_tensor(tensor));
    if (!row.isValid()) return;
    view_->setCurrentIndex(row);
    view_->scrollTo(row);
    read_selection();
}

/// More ranges than a selection model copes with stay as they are selected at first.
void LayersPanel::select_tensors(const std::vector<size_t>& tensors) {
    if (tensors.empty() || tensors.size() > size_t(most_ranges_kept)) return;
    QItemSelection rows;
    for (const size_t tensor : tensors)
        if (const QModelIndex row = proxy_->mapFromSource(model_->index_of_tensor(tensor)); row.isValid())
            rows.select(row, row);
    select_tensor(tensors.front());
    view_->selectionModel()->select(rows, QItemSelectionModel::ClearAndSelect | QItemSelectionModel::Rows);
    read_selection();
}

void LayersPanel::focus_filter() {
    filter_->setFocus(Qt::ShortcutFocusReason);
    filter_->selectAll();
}

void LayersPanel::show_menu(const QPoint& at) {
    const QModelIndex index = view_->indexAt(at);
    if (!index.isValid()) return;
    auto* menu = new QMenu(this);
    menu->setAttribute(Qt::WA_DeleteOnClose);
    const bool some = !selected_.empty();
    menu->addAction(tr("Freeze"), this, [this] { Q_EMIT freeze_wanted(true); })->setEnabled(some);
    menu->addAction(tr("Unfreeze"), this, [this] { Q_EMIT freeze_wanted(false); })->setEnabled(some);
    menu->addAction(tr("Clear masks"), this, &LayersPanel::clear_wanted)->setEnabled(some);
    menu->addSeparator();
    const QString name = index.data(LayerTreeModel::FqnRole).toString();
    menu->addAction(tr("Copy name"), this, [name] { QApplication::clipboard()->setText(name); });
    menu->addAction(tr("Expand all"), view_, &QTreeView::expandAll);
    menu->addAction(tr("Collapse all"), view_, &QTreeView::collapseAll);
    menu->popup(view_->viewport()->mapToGlobal(at));
}

}  // namespace lacuna::ui
