#include "app/cli/commands.h"
#include "app/cli/table.h"
#include "app/cli/text.h"
#include "engine/formats/formats.h"
#include "engine/session/report.h"

namespace lacuna::cli {
namespace {

constexpr int bar_cells = 16;
constexpr size_t pattern_columns = 6;

std::string headline(const Checkpoint& checkpoint, const Console& console) {
    const std::string name = printable(checkpoint.path().filename().string());
    std::string text = console.coloured(name, Colour::strong) + "  " + std::string(format_name(checkpoint.format())) +
                       ", " + bytes_text(double(checkpoint.file_bytes())) + ", " +
                       counted(int64_t(checkpoint.tensors().size()), "tensor") + ", " +
                       counted(checkpoint.parameters(), "parameter");
    if (checkpoint.runnable()) text += ", runnable";
    return text + "\n";
}

constexpr const char* nothing_to_count = "–";

/// "3 of 4,096"
std::string share_text(int64_t part, int64_t all) {
    return grouped(part) + " of " + grouped(all);
}

void add_patterns(std::vector<std::string>& row, const InspectedTensor& tensor) {
    if (!tensor.patterns) return row.resize(row.size() + pattern_columns);
    if (tensor.info->elements() == 0) return row.resize(row.size() + pattern_columns, nothing_to_count);
    const Patterns& p = *tensor.patterns;
    row.insert(row.end(), {share_text(p.zero_rows, p.rows), share_text(p.zero_columns, p.columns),
                           share_text(p.zero_tiles, p.tiles)});
    for (const NmCount& count : p.n_m)
        row.push_back(count.groups > 0 ? percent_text(*count.fraction()) : nothing_to_count);
}

std::vector<std::string> row_of(const InspectedTensor& tensor, const InspectArguments& arguments,
                                const Console& console) {
    const TensorInfo& info = *tensor.info;
    std::vector<std::string> row{info.name, to_string(info.shape), std::string(dtype_name(info.dtype)),
                                 bytes_text(double(info.bytes()))};
    if (!arguments.sparsity) return row;
    if (tensor.zeros) {
        const double fraction = sparsity_of(*tensor.zeros, info.elements());
        row.insert(row.end(),
                   {grouped(*tensor.zeros), percent_text(fraction), bar_text(fraction, bar_cells, console.unicode())});
    } else {
        row.insert(row.end(), {"?", "?", ""});
    }
    if (arguments.patterns) add_patterns(row, tensor);
    return row;
}

std::vector<Table::Column> columns_for(const InspectArguments& arguments) {
    using Align = Table::Align;
    std::vector<Table::Column> columns{{"tensor"}, {"shape"}, {"type"}, {"size", Align::right}};
    if (arguments.sparsity)
        columns.insert(columns.end(),
                       {{"zeros", Align::right}, {"sparsity", Align::right}, {"", Align::left, Colour::good}});
    const std::string tile = std::to_string(arguments.tile.rows) + "x" + std::to_string(arguments.tile.columns);
    if (arguments.patterns)
        for (const std::string& title : {std::string("zero rows"), std::string("zero columns"), "zero " + tile,
                                         std::string("1:4"), std::string("2:4"), std::string("4:8")})
            columns.push_back({title, Align::right});
    return columns;
}

/// Bytes are summed over all tensors, zeros over parameters alone: what a mask prunes counts in the tensor it is of.
std::string table_text(const Inspection& inspection, const InspectArguments& arguments, const Console& console) {
    Table table(columns_for(arguments));
    int64_t zeros = 0, elements = 0;
    double bytes = 0;
    for (const InspectedTensor& tensor : inspection.tensors) {
        table.add(row_of(tensor, arguments, console));
        bytes += double(tensor.info->bytes());
        if (!tensor.zeros || !is_parameter(*tensor.info)) continue;
        zeros += tensor.zeros_in_use();
        elements += tensor.info->elements();
    }
    std::vector<std::string> total{"total", "", "", bytes_text(bytes)};
    if (arguments.sparsity) {
        const double fraction = sparsity_of(zeros, elements);
        total.insert(total.end(),
                     {grouped(zeros), percent_text(fraction), bar_text(fraction, bar_cells, console.unicode())});
    }
    if (arguments.patterns) total.resize(total.size() + pattern_columns);
    table.add_total(std::move(total));
    return table.text(console);
}

/// Layers of more than one tensor: the sums that the table of tensors does not show.
std::string layers_text(const Inspection& inspection, const Console& console) {
    using Align = Table::Align;
    Table table({{"layer"},
                 {"parameters", Align::right},
                 {"zeros", Align::right},
                 {"sparsity", Align::right},
                 {"", Align::left, Colour::good}});
    for (const InspectedLayer& layer : layers_of(inspection)) {
        const double fraction = sparsity_of(layer.zeros, layer.params);
        table.add({layer.fqn, grouped(layer.params), grouped(layer.zeros), percent_text(fraction),
                   bar_text(fraction, bar_cells, console.unicode())});
    }
    return "\n" + table.text(console);
}

}  // namespace

void run_inspect(const InspectArguments& given, const Console& console, CancelToken cancel) {
    InspectArguments arguments = given;
    arguments.sparsity = arguments.sparsity || arguments.patterns;
    const CheckpointPtr checkpoint = open_checkpoint(arguments.model);
    Progress progress = console.progress(cancel);
    Counting counting{arguments.sparsity, {}};
    if (arguments.patterns) counting.tile = arguments.tile;
    const Inspection inspection = inspect(*checkpoint, counting, progress);
    console.clear_progress();
    if (arguments.json)
        return write_to(*arguments.json, to_json(inspection, *checkpoint), checkpoint->files(), console);
    std::string text = headline(*checkpoint, console) + table_text(inspection, arguments, console);
    if (arguments.patterns) text += layers_text(inspection, console);
    for (const std::string& note : checkpoint->notes()) text += "note: " + printable(note) + "\n";
    console.print(text);
}

}  // namespace lacuna::cli
