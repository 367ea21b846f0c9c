#include "ui/shell/layer_filter_proxy.h"

#include <algorithm>

#include "ui/shell/layer_tree_model.h"

namespace lacuna::ui {
namespace {

/// A recipe's glob: * crosses dots, ? is one character, nothing else is special.
QRegularExpression glob(const QString& pattern) {
    QString expression = QRegularExpression::escape(pattern);
    expression.replace(QStringLiteral("\\*"), QStringLiteral(".*")).replace(QStringLiteral("\\?"), QStringLiteral("."));
    return QRegularExpression(QRegularExpression::anchoredPattern(expression));
}

}  // namespace

LayerFilterProxy::LayerFilterProxy(QObject* parent) : QSortFilterProxyModel(parent) {
    setRecursiveFilteringEnabled(true);
    setAutoAcceptChildRows(true);
}

void LayerFilterProxy::set_filter(const QString& line) {
    words_.clear();
    globs_.clear();
    for (const QString& word : line.split(' ', Qt::SkipEmptyParts)) {
        if (word.contains('*') || word.contains('?'))
            globs_ << glob(word);
        else
            words_ << word;
    }
    invalidateFilter();
}

bool LayerFilterProxy::filterAcceptsRow(int row, const QModelIndex& parent) const {
    if (!filtering()) return true;
    const QModelIndex index = sourceModel()->index(row, 0, parent);
    const QString text = index.data(LayerTreeModel::SearchRole).toString();
    const QString fqn = text.section('\n', 0, 0);
    const auto in_text = [&text](const QString& word) { return text.contains(word, Qt::CaseInsensitive); };
    const auto matches = [&fqn](const QRegularExpression& one) { return one.match(fqn).hasMatch(); };
    return std::all_of(words_.begin(), words_.end(), in_text) && std::all_of(globs_.begin(), globs_.end(), matches);
}

}  // namespace lacuna::ui
