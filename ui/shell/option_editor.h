#pragma once

#include <QWidget>
#include <functional>
#include <optional>

#include "engine/sparsifiers/options.h"

class QLabel;
class QHBoxLayout;
class QToolButton;

namespace lacuna::ui {

/// One option in the sparsifier form: its name, a field made for its type, a button back to the default, a line of
/// help. Never changes its field while a hand is on it, whatever arrives meanwhile.
class OptionEditor : public QWidget {
    Q_OBJECT
  public:
    /// What the selection has for this option.
    struct State {
        std::optional<OptionValue> value;  ///< nothing: mixed over the selection
        bool given = false;                ///< somewhere set by hand, so that there is something to reset
    };

    /// The editor for a spec's type.
    static OptionEditor* make(const OptionSpec& spec, QWidget* parent = nullptr);

    const OptionSpec& spec() const { return spec_; }
    /// Shows `state`; put off until the hand is off the field.
    void show_state(const State& state);
    /// An error that belongs to this option, or nothing.
    void show_problem(const QString& problem);
    QString problem() const;

    /// What is wrong with a value of the right type, in words; empty: nothing. Asked before a typed value is sent.
    using Check = std::function<QString(const OptionValue& value)>;
    void set_check(Check check) { check_ = std::move(check); }

  Q_SIGNALS:
    /// `dragging`: more values follow.
    void edited(const lacuna::OptionValue& value, bool dragging);
    void reset();

  protected:
    /// `Beside`: the field stands in the name's own line.
    enum class Place { Below, Beside };
    OptionEditor(const OptionSpec& spec, Place place, QWidget* parent);
    /// Sets the field without emitting `edited`; nothing means mixed.
    virtual void set_value(const std::optional<OptionValue>& value) = 0;

    QHBoxLayout* field() const { return field_; }
    /// Names the widget for assistive tools and makes it part of the field.
    void add_field(QWidget* widget, const QString& accessible_suffix, int stretch = 0);
    /// From now on states are put off; the last one is shown at release.
    void hold();
    void release();
    void emit_edited(const OptionValue& value, bool dragging);
    /// By the spec and by the check that was set.
    QString problem_with(const OptionValue& value) const;
    const State& state() const { return state_; }

  private:
    void apply();

    OptionSpec spec_;
    State state_;
    Check check_;
    bool held_ = false;
    QHBoxLayout* field_;
    QToolButton* reset_;
    QLabel* help_;
    QLabel* problem_;
};

}  // namespace lacuna::ui
