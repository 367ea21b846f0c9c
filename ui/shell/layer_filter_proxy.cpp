#include "ui/shell/layer_filter_proxy.h"

#include "engine/session/glob.h"

namespace lacuna::ui {

LayerFilterProxy::LayerFilterProxy(QObject* parent) : QSortFilterProxyModel(parent) {}

void LayerFilterProxy::setSourceModel(QAbstractItemModel* model) {
    if (sourceModel()) disconnect(sourceModel(), &QAbstractItemModel::modelAboutToBeReset, this, nullptr);
    shown_.clear();
    QSortFilterProxyModel::setSourceModel(model);
    if (model) connect(model, &QAbstractItemModel::modelAboutToBeReset, this, [this] { shown_.clear(); });
}

void LayerFilterProxy::set_filter(const QString& line) {
    filter_ = {};
    for (const QString& word : line.split(' ', Qt::SkipEmptyParts)) {
        if (is_glob(word.toStdString()))
            filter_.globs.push_back(word.toStdString());
        else
            filter_.words << word.toLower();
    }
    shown_.clear();
    invalidateFilter();
}

bool LayerFilterProxy::filterAcceptsRow(int row, const QModelIndex& parent) const {
    if (!filtering()) return true;
    const auto& model = static_cast<const LayerTreeModel&>(*sourceModel());
    if (shown_.empty()) shown_ = model.shown_by(filter_);
    return shown_[size_t(model.index(row, 0, parent).internalId())] != 0;
}

}  // namespace lacuna::ui
