#include "ui/shell/option_form.h"

#include <QVBoxLayout>
#include <algorithm>

#include "ui/theme.h"

namespace lacuna::ui {

OptionForm::OptionForm(QWidget* parent) : QWidget(parent), rows_(new QVBoxLayout(this)) {
    rows_->setContentsMargins(0, 0, 0, 0);
    rows_->setSpacing(Theme::margin);
    hide();
}

void OptionForm::set_specs(std::span<const OptionSpec> specs) {
    setVisible(!specs.empty());
    if (specs.data() == specs_.data() && specs.size() == specs_.size()) return;
    specs_ = specs;
    for (OptionEditor* old : editors_) {
        old->hide();
        rows_->removeWidget(old);
        old->deleteLater();  // it may be the sender of what brought us here
    }
    editors_.clear();
    for (const OptionSpec& spec : specs) {
        OptionEditor* editor = OptionEditor::make(spec, this);
        rows_->addWidget(editor);
        editor->set_check(
            [this, name = spec.name](const OptionValue& value) { return check_ ? check_(name, value) : QString(); });
        editors_.push_back(editor);
        connect(editor, &OptionEditor::edited, this, [this, name = spec.name](const OptionValue& value, bool dragging) {
            Q_EMIT edited(name, value, dragging);
        });
        connect(editor, &OptionEditor::reset, this, [this, name = spec.name] { Q_EMIT reset(name); });
    }
}

void OptionForm::set_check(std::function<QString(const std::string& option, const OptionValue& value)> check) {
    check_ = std::move(check);
}

void OptionForm::show_states(const std::function<OptionEditor::State(const std::string& option)>& state_of) {
    for (OptionEditor* editor : editors_) editor->show_state(state_of(editor->spec().name));
}

OptionEditor* OptionForm::editor(const QString& option) const {
    const auto found =
        std::find_if(editors_.begin(), editors_.end(), [&](OptionEditor* one) { return one->objectName() == option; });
    return found == editors_.end() ? nullptr : *found;
}

}  // namespace lacuna::ui
