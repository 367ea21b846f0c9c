#pragma once

#include <QSortFilterProxyModel>

#include "ui/shell/layer_tree_model.h"

namespace lacuna::ui {

/// Shows the rows whose FQN, type or sparsifier holds every word of a filter line, with the layers above them and
/// everything below them. A word with * or ? is a glob over the FQN, as in recipes. What is listed is found in
/// one pass over all rows and stays, whatever is done to it, until the line is set again.
class LayerFilterProxy : public QSortFilterProxyModel {
    Q_OBJECT
  public:
    explicit LayerFilterProxy(QObject* parent = nullptr);

    /// A LayerTreeModel, or null.
    void setSourceModel(QAbstractItemModel* model) override;
    void set_filter(const QString& line);
    bool filtering() const { return !filter_.empty(); }

  protected:
    bool filterAcceptsRow(int row, const QModelIndex& parent) const override;

  private:
    LayerFilter filter_;
    mutable std::vector<char> shown_;  ///< by QModelIndex::internalId(); empty until a row is asked for
};

}  // namespace lacuna::ui
