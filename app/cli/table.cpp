#include "app/cli/table.h"

#include <algorithm>
#include <numeric>

#include "app/cli/text.h"

namespace lacuna::cli {
namespace {

std::vector<std::string> made_printable(std::vector<std::string> cells) {
    for (std::string& cell : cells) cell = printable(cell);
    return cells;
}

}  // namespace

void Table::add(std::vector<std::string> cells) {
    rows_.push_back(made_printable(std::move(cells)));
}

void Table::add_total(std::vector<std::string> cells) {
    total_ = made_printable(std::move(cells));
}

std::string Table::line(const std::vector<std::string>& cells, const std::vector<size_t>& widths,
                        const Console& console, const Colour* all) const {
    std::string text;
    for (size_t c = 0; c < cells.size(); ++c) {
        const std::string padding(widths[c] - columns_of(cells[c]), ' ');
        const std::string cell = console.coloured(cells[c], all ? *all : columns_[c].colour);
        text += (c ? "  " : "") + (columns_[c].align == Align::left ? cell + padding : padding + cell);
    }
    text.erase(text.find_last_not_of(' ') + 1);
    return text + "\n";
}

std::string Table::text(const Console& console) const {
    std::vector<std::string> titles;
    for (const Column& column : columns_) titles.push_back(column.title);
    std::vector<size_t> widths(columns_.size(), 0);
    const auto widen = [&](const std::vector<std::string>& cells) {
        for (size_t c = 0; c < cells.size(); ++c) widths[c] = std::max(widths[c], columns_of(cells[c]));
    };
    widen(titles);
    for (const auto& row : rows_) widen(row);
    widen(total_);

    const Colour faint = Colour::faint, strong = Colour::strong;
    std::string text = line(titles, widths, console, &faint);
    for (const auto& row : rows_) text += line(row, widths, console, nullptr);
    if (total_.empty()) return text;
    const size_t width = std::accumulate(widths.begin(), widths.end(), 2 * (widths.size() - 1));
    text += console.coloured(std::string(width, '-'), Colour::faint) + "\n";
    return text + line(total_, widths, console, &strong);
}

}  // namespace lacuna::cli
