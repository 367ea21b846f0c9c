#pragma once

#include <QRegularExpression>
#include <QSortFilterProxyModel>

namespace lacuna::ui {

/// Shows the rows whose FQN, type or sparsifier holds every word of a filter line, with the layers above them and
/// everything below them. A word with * or ? is a glob over the FQN, as in recipes.
class LayerFilterProxy : public QSortFilterProxyModel {
    Q_OBJECT
  public:
    explicit LayerFilterProxy(QObject* parent = nullptr);

    void set_filter(const QString& line);
    bool filtering() const { return !words_.isEmpty() || !globs_.isEmpty(); }

  protected:
    bool filterAcceptsRow(int row, const QModelIndex& parent) const override;

  private:
    QStringList words_;
    QList<QRegularExpression> globs_;
};

}  // namespace lacuna::ui
