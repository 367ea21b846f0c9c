#include "ui/shell/text_format.h"

#include <QStringList>
#include <algorithm>
#include <cmath>

#include "engine/base/numbers.h"

namespace lacuna::ui {
namespace {

/// A number stays on one line with its unit.
QString unbroken(const std::string& number) {
    return to_qstring(number).replace(' ', QStringLiteral("\u00a0"));
}

QString units_text(double amount, const std::string& unit) {
    if (unit == "B") return bytes_text(amount);
    return grouped(std::llround(amount)) + ' ' + to_qstring(unit);
}

}  // namespace

QString to_qstring(std::string_view text) {
    return QString::fromUtf8(text.data(), qsizetype(text.size()));
}

QString grouped(int64_t number) {
    return to_qstring(lacuna::grouped(number));
}

QString percent_text(double fraction) {
    return to_qstring(percentage(fraction));
}

QString shape_text(const Shape& shape) {
    if (shape.empty()) return QStringLiteral("scalar");
    QStringList sides;
    for (int64_t side : shape) sides << QString::number(side);
    return sides.join(QStringLiteral("×"));
}

QString bytes_text(double bytes) {
    return unbroken(lacuna::bytes_text(bytes));
}

QString count_text(int64_t count) {
    return unbroken(lacuna::count_text(double(count)));
}

QString duration_text(double seconds) {
    const auto whole = int64_t(std::ceil(std::max(seconds, 0.0)));
    if (whole < 60) return QStringLiteral("%1 s").arg(whole);
    if (whole < 3600) return QStringLiteral("%1 min %2 s").arg(whole / 60).arg(whole % 60, 2, 10, QLatin1Char('0'));
    return QStringLiteral("%1 h %2 min").arg(whole / 3600).arg(whole / 60 % 60, 2, 10, QLatin1Char('0'));
}

QString progress_text(const ProgressState& progress) {
    QStringList parts;
    if (!progress.stage.empty()) parts << to_qstring(progress.stage);
    if (progress.total > 0)
        parts << QStringLiteral("%1 of %2")
                     .arg(progress.unit == "B" ? bytes_text(double(progress.done)) : grouped(int64_t(progress.done)),
                          units_text(double(progress.total), progress.unit));
    if (progress.per_second > 0) parts << units_text(progress.per_second, progress.unit) + QStringLiteral("/s");
    if (progress.seconds_left >= 0) parts << duration_text(progress.seconds_left) + QStringLiteral(" left");
    return parts.join(QStringLiteral(" · "));
}

QString counted(int64_t number, const char* noun) {
    return to_qstring(lacuna::counted(number, noun));
}

QString title_from_name(std::string_view name) {
    using namespace std::string_view_literals;
    static constexpr std::array abbreviations{
        std::pair("init_sl"sv, "First sparsity level"), std::pair("init_t"sv, "First epoch"),
        std::pair("delta_t"sv, "Epochs between steps"), std::pair("total_t"sv, "Steps on the curve"),
        std::pair("dist"sv, "Distance")};
    for (const auto& [option, words] : abbreviations)
        if (option == name) return QString::fromLatin1(words);
    QString title = to_qstring(name);
    title.replace('_', ' ');
    if (!title.isEmpty()) title[0] = title[0].toUpper();
    return title;
}

}  // namespace lacuna::ui
