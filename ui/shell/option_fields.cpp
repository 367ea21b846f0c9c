#include "ui/shell/option_fields.h"

#include <QCheckBox>
#include <QComboBox>
#include <QDoubleSpinBox>
#include <QFontDatabase>
#include <QHBoxLayout>
#include <QLabel>
#include <QLineEdit>
#include <QSignalBlocker>
#include <QSlider>
#include <QSpinBox>
#include <QToolButton>
#include <algorithm>
#include <cmath>
#include <limits>

#include "ui/shell/text_format.h"

namespace lacuna::ui {
namespace {

constexpr int slider_steps = 1000;

QString mixed_text() {
    return QObject::tr("mixed");
}

int to_int(double value) {
    return int(std::clamp(value, double(std::numeric_limits<int>::min()) + 1, double(std::numeric_limits<int>::max())));
}

/// Spin boxes cannot be empty: below the minimum lies one more value, which reads "mixed".
void show_integer(QSpinBox* spin, const OptionSpec& spec, std::optional<int64_t> value) {
    const QSignalBlocker quiet(spin);
    const int minimum = to_int(spec.minimum);
    spin->setMinimum(value ? minimum : minimum - 1);
    spin->setSpecialValueText(value ? QString() : mixed_text());
    spin->setValue(value ? to_int(double(*value)) : minimum - 1);
}

QSpinBox* make_spin(const OptionSpec& spec, QWidget* parent) {
    auto* spin = new QSpinBox(parent);
    spin->setRange(to_int(spec.minimum), to_int(spec.maximum));
    spin->setKeyboardTracking(false);
    spin->setGroupSeparatorShown(true);
    return spin;
}

std::optional<double> as_number(const std::optional<OptionValue>& value) {
    if (!value) return std::nullopt;
    if (const auto* number = std::get_if<double>(&*value)) return *number;
    if (const auto* whole = std::get_if<int64_t>(&*value)) return double(*whole);
    return std::nullopt;
}

}  // namespace

NumberEditor::NumberEditor(const OptionSpec& spec, QWidget* parent)
    : OptionEditor(spec, Place::Below, parent),
      slider_(new QSlider(Qt::Horizontal, this)),
      spin_(new QDoubleSpinBox(this)) {
    const bool soft = spec.soft_maximum > spec.soft_minimum;
    low_ = soft ? spec.soft_minimum : spec.minimum;
    high_ = soft ? spec.soft_maximum : spec.maximum;
    slider_->setRange(0, slider_steps);
    slider_->setSingleStep(slider_steps / 100);
    slider_->setPageStep(slider_steps / 10);
    spin_->setRange(spec.minimum, spec.maximum);
    spin_->setDecimals(high_ - low_ <= 10 ? 3 : 1);
    spin_->setSingleStep((high_ - low_) / 100);
    spin_->setKeyboardTracking(false);
    spin_->setMinimumWidth(84);
    add_field(slider_, tr(", slider"), 1);
    add_field(spin_, QString());

    connect(slider_, &QSlider::sliderPressed, this, [this] { hold(); });
    connect(slider_, &QSlider::valueChanged, this, [this](int position) {
        const double value = at_slider(position);
        const QSignalBlocker quiet(spin_);
        spin_->setMinimum(this->spec().minimum);
        spin_->setSpecialValueText({});
        spin_->setValue(value);
        emit_edited(value, slider_->isSliderDown());
    });
    connect(slider_, &QSlider::sliderReleased, this, [this] {
        release();
        emit_edited(at_slider(slider_->value()), false);
    });
    connect(spin_, &QDoubleSpinBox::valueChanged, this, [this](double shown) {
        const double value = std::max(shown, this->spec().minimum);  // "mixed" stands below the range
        move_slider(value);
        emit_edited(value, false);
    });
}

/// Positions map to values that read well: no more digits than the spin box shows.
double NumberEditor::at_slider(int position) const {
    const double raw = low_ + (high_ - low_) * position / slider_steps;
    const double scale = std::pow(10.0, spin_->decimals());
    return std::round(raw * scale) / scale;
}

void NumberEditor::move_slider(double value) {
    const QSignalBlocker quiet(slider_);
    slider_->setValue(int(std::lround((value - low_) / (high_ - low_) * slider_steps)));
}

void NumberEditor::set_value(const std::optional<OptionValue>& value) {
    const QSignalBlocker quiet(spin_);
    const auto number = as_number(value);
    spin_->setMinimum(number ? spec().minimum : spec().minimum - 1);
    spin_->setSpecialValueText(number ? QString() : mixed_text());
    spin_->setValue(number ? *number : spec().minimum - 1);
    move_slider(number.value_or(low_));
}

IntegerEditor::IntegerEditor(const OptionSpec& spec, QWidget* parent)
    : OptionEditor(spec, Place::Beside, parent), spin_(make_spin(spec, this)) {
    spin_->setMinimumWidth(72);
    add_field(spin_, QString());
    connect(spin_, &QSpinBox::valueChanged, this, [this](int value) {
        emit_edited(std::max<int64_t>(value, to_int(this->spec().minimum)), false);  // "mixed" stands below the range
    });
}

void IntegerEditor::set_value(const std::optional<OptionValue>& value) {
    const auto number = as_number(value);
    show_integer(spin_, spec(), number ? std::optional(int64_t(*number)) : std::nullopt);
}

BooleanEditor::BooleanEditor(const OptionSpec& spec, QWidget* parent)
    : OptionEditor(spec, Place::Beside, parent), check_(new QCheckBox(tr("On"), this)) {
    add_field(check_, QString());
    connect(check_, &QCheckBox::clicked, this, [this](bool on) {
        check_->setTristate(false);
        check_->setText(tr("On"));
        emit_edited(on, false);
    });
}

void BooleanEditor::set_value(const std::optional<OptionValue>& value) {
    const QSignalBlocker quiet(check_);
    const bool* on = value ? std::get_if<bool>(&*value) : nullptr;
    check_->setTristate(!on);
    check_->setText(on ? tr("On") : mixed_text());
    check_->setCheckState(!on ? Qt::PartiallyChecked : *on ? Qt::Checked : Qt::Unchecked);
}

ChoiceEditor::ChoiceEditor(const OptionSpec& spec, QWidget* parent)
    : OptionEditor(spec, Place::Beside, parent), combo_(new QComboBox(this)) {
    for (const std::string& choice : spec.choices) combo_->addItem(to_qstring(choice));
    combo_->setPlaceholderText(mixed_text());
    combo_->setMinimumWidth(96);
    add_field(combo_, QString());
    connect(combo_, &QComboBox::activated, this,
            [this](int index) { emit_edited(this->spec().choices[size_t(index)], false); });
}

void ChoiceEditor::set_value(const std::optional<OptionValue>& value) {
    const QSignalBlocker quiet(combo_);
    const auto* choice = value ? std::get_if<std::string>(&*value) : nullptr;
    combo_->setCurrentIndex(choice ? combo_->findText(to_qstring(*choice)) : -1);
}

BlockEditor::BlockEditor(const OptionSpec& spec, QWidget* parent)
    : OptionEditor(spec, Place::Below, parent), rows_(make_spin(spec, this)), columns_(make_spin(spec, this)) {
    add_field(rows_, tr(", rows"));
    field()->addWidget(new QLabel(QStringLiteral("×"), this));
    add_field(columns_, tr(", columns"));
    field()->addStretch(1);
    for (QSpinBox* spin : {rows_, columns_}) {
        spin->setMinimumWidth(60);
        connect(spin, &QSpinBox::valueChanged, this, [this] { changed(); });
    }
    add_presets();
}

void BlockEditor::add_presets() {
    static constexpr std::pair<int, int> shapes[] = {{1, 1}, {1, 4}, {1, 8}, {4, 4}, {16, 1}};
    auto* row = new QHBoxLayout;
    row->setSpacing(4);
    for (const auto& [rows, columns] : shapes) {
        if (rows > spec().maximum || columns > spec().maximum) continue;
        auto* preset = new QToolButton(this);
        preset->setText(QStringLiteral("%1×%2").arg(rows).arg(columns));
        preset->setAccessibleName(tr("Block of %1 by %2").arg(rows).arg(columns));
        preset->setProperty("role", "chip");
        preset->setProperty("rows", rows);
        preset->setProperty("columns", columns);
        preset->setCheckable(true);
        connect(preset, &QToolButton::clicked, this, [this, rows = rows, columns = columns] {
            show_shape(rows, columns);
            changed();
        });
        row->addWidget(preset);
        presets_ << preset;
    }
    row->addStretch(1);
    static_cast<QBoxLayout*>(layout())->insertLayout(2, row);
}

void BlockEditor::show_shape(int64_t rows, int64_t columns) {
    show_integer(rows_, spec(), rows);
    show_integer(columns_, spec(), columns);
    for (QAbstractButton* preset : presets_)
        preset->setChecked(preset->property("rows").toInt() == rows && preset->property("columns").toInt() == columns);
}

void BlockEditor::changed() {
    // One side set while the other is still mixed: the other becomes 1.
    const int64_t rows = std::max(rows_->value(), 1), columns = std::max(columns_->value(), 1);
    show_shape(rows, columns);
    emit_edited(std::vector<int64_t>{rows, columns}, false);
}

void BlockEditor::set_value(const std::optional<OptionValue>& value) {
    const auto* sides = value ? std::get_if<std::vector<int64_t>>(&*value) : nullptr;
    if (sides && sides->size() == 2) return show_shape((*sides)[0], (*sides)[1]);
    show_integer(rows_, spec(), std::nullopt);
    show_integer(columns_, spec(), std::nullopt);
    for (QAbstractButton* preset : presets_) preset->setChecked(false);
}

FormulaEditor::FormulaEditor(const OptionSpec& spec, QWidget* parent)
    : OptionEditor(spec, Place::Below, parent), line_(new QLineEdit(this)) {
    line_->setFont(QFontDatabase::systemFont(QFontDatabase::FixedFont));
    line_->setPlaceholderText(mixed_text());
    add_field(line_, QString(), 1);
    connect(line_, &QLineEdit::textEdited, this, &FormulaEditor::typed);
    connect(line_, &QLineEdit::editingFinished, this, &FormulaEditor::finish);
}

void FormulaEditor::typed(const QString& text) {
    hold();
    const OptionValue formula = text.toStdString();
    show_problem(problem_with(formula));
    if (problem().isEmpty()) emit_edited(formula, true);
}

void FormulaEditor::finish() {
    if (!line_->isModified() || (line_->hasFocus() && !problem().isEmpty())) return;
    release();
    if (state().value) emit_edited(*state().value, false);
    set_value(state().value);
}

void FormulaEditor::set_value(const std::optional<OptionValue>& value) {
    show_problem({});
    line_->setText(value ? to_qstring(to_string(*value)) : QString());
    line_->setModified(false);
}

}  // namespace lacuna::ui
