#pragma once

#include <QWidget>
#include <vector>

#include "engine/session/session.h"

class QCheckBox;
class QComboBox;
class QLabel;

namespace lacuna::ui {

class OptionEditor;
class OptionForm;

/// The sparsifier of the selected tensors and its options, as a form made from the registry's declarations.
class SparsifierPanel : public QWidget {
    Q_OBJECT
  public:
    explicit SparsifierPanel(QWidget* parent = nullptr);

    void set_snapshot(const SnapshotPtr& snapshot);
    void set_selection(std::vector<size_t> tensors);

    QComboBox* sparsifier_field() const { return rule_; }
    QLabel* unit_hint() const { return unit_; }
    QLabel* remark() const { return remark_; }
    OptionEditor* editor(const QString& option) const;

  Q_SIGNALS:
    void sparsifier_chosen(const std::vector<size_t>& tensors, const std::string& name);
    void option_edited(const std::vector<size_t>& tensors, const std::string& option, const lacuna::OptionValue& value,
                       bool dragging);
    void option_reset(const std::vector<size_t>& tensors, const std::string& option);
    void freeze_wanted(const std::vector<size_t>& tensors, bool frozen);

  private:
    void refresh();
    void build_form(const Sparsifier* rule);
    void show_rule(const Sparsifier* rule, bool mixed);
    void show_unit(const Sparsifier* rule);
    void show_values();
    void show_frozen();
    void show_problems();
    void show_remarks();
    void show_title();
    QString tensor_name(size_t tensor) const;

    SnapshotPtr snapshot_;
    std::vector<size_t> selection_;
    std::vector<TensorStatePtr> drawn_;      ///< the selection's states that the form shows
    const Sparsifier* form_rule_ = nullptr;  ///< whose options the form has
    QLabel* title_;
    QLabel* subtitle_;
    QComboBox* rule_;
    QLabel* rule_help_;
    QLabel* unit_;  ///< which tensors share the options, under a rule that spans tensors
    QLabel* problem_;
    QLabel* remark_;  ///< what to know of the options where they are right
    OptionForm* form_;
    QCheckBox* frozen_;
    QWidget* body_;
    QLabel* nothing_;
};

}  // namespace lacuna::ui
