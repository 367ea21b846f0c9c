#include "app/cli/commands.h"
#include "app/cli/table.h"
#include "app/cli/text.h"
#include "engine/formats/formats.h"
#include "engine/session/report.h"

namespace lacuna::cli {
namespace {

constexpr int bar_cells = 16;

std::string headline(const Checkpoint& checkpoint, const Console& console) {
    const std::string name = printable(checkpoint.path().filename().string());
    std::string text = console.coloured(name, Colour::strong) + "  " + std::string(format_name(checkpoint.format())) +
                       ", " + bytes_text(double(checkpoint.file_bytes())) + ", " +
                       counted(int64_t(checkpoint.tensors().size()), "tensor") + ", " +
                       counted(checkpoint.parameters(), "parameter");
    if (checkpoint.runnable()) text += ", runnable";
    return text + "\n";
}

std::vector<std::string> row_of(const InspectedTensor& tensor, bool sparsity, const Console& console) {
    const TensorInfo& info = *tensor.info;
    std::vector<std::string> row{info.name, to_string(info.shape), std::string(dtype_name(info.dtype)),
                                 bytes_text(double(info.bytes()))};
    if (!sparsity) return row;
    if (!tensor.zeros) {
        row.insert(row.end(), {"?", "?", ""});
        return row;
    }
    const double fraction = sparsity_of(*tensor.zeros, info.elements());
    row.insert(row.end(),
               {grouped(*tensor.zeros), percent_text(fraction), bar_text(fraction, bar_cells, console.unicode())});
    return row;
}

std::string table_text(const Inspection& inspection, bool sparsity, const Console& console) {
    using Align = Table::Align;
    std::vector<Table::Column> columns{{"tensor"}, {"shape"}, {"type"}, {"size", Align::right}};
    if (sparsity)
        columns.insert(columns.end(),
                       {{"zeros", Align::right}, {"sparsity", Align::right}, {"", Align::left, Colour::good}});
    Table table(columns);
    int64_t zeros = 0, elements = 0;
    double bytes = 0;
    for (const InspectedTensor& tensor : inspection.tensors) {
        table.add(row_of(tensor, sparsity, console));
        bytes += double(tensor.info->bytes());
        if (!tensor.zeros) continue;
        zeros += *tensor.zeros;
        elements += tensor.info->elements();
    }
    std::vector<std::string> total{"total", "", "", bytes_text(bytes)};
    if (sparsity) {
        const double fraction = sparsity_of(zeros, elements);
        total.insert(total.end(),
                     {grouped(zeros), percent_text(fraction), bar_text(fraction, bar_cells, console.unicode())});
    }
    table.add_total(std::move(total));
    return table.text(console);
}

}  // namespace

void run_inspect(const InspectArguments& arguments, const Console& console, CancelToken cancel) {
    const CheckpointPtr checkpoint = open_checkpoint(arguments.model);
    Progress progress = console.progress(cancel);
    const Inspection inspection = inspect(*checkpoint, arguments.sparsity, progress);
    console.clear_progress();
    if (arguments.json)
        return write_to(*arguments.json, to_json(inspection, *checkpoint), checkpoint->files(), console);
    std::string text = headline(*checkpoint, console) + table_text(inspection, arguments.sparsity, console);
    for (const std::string& note : checkpoint->notes()) text += "note: " + printable(note) + "\n";
    console.print(text);
}

}  // namespace lacuna::cli
