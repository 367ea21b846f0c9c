#pragma once

#include <string>
#include <vector>

#include "app/cli/console.h"

namespace lacuna::cli {

/// Aligned columns for people.
class Table {
  public:
    enum class Align { left, right };
    struct Column {
        std::string title;
        Align align = Align::left;
        Colour colour = Colour::plain;
    };

    explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
    /// As many cells as columns; control characters are made harmless.
    void add(std::vector<std::string> cells);
    /// A last row, set apart by a rule.
    void add_total(std::vector<std::string> cells);
    std::string text(const Console& console) const;

  private:
    std::string line(const std::vector<std::string>& cells, const std::vector<size_t>& widths, const Console& console,
                     const Colour* all) const;

    std::vector<Column> columns_;
    std::vector<std::vector<std::string>> rows_;
    std::vector<std::string> total_;
};

}  // namespace lacuna::cli
