// The part of a session that writes models: pruned as they are, or rewritten.

#include "engine/base/numbers.h"
#include "engine/formats/staged_export.h"
#include "engine/session/session_impl.h"

namespace lacuna {
namespace fs = std::filesystem;
namespace {

/// The last part of a path, also of a folder's that ends in a slash.
std::string last_name(const fs::path& path) {
    return (path.has_filename() ? path : path.parent_path()).filename().string();
}

}  // namespace

void Session::export_model(fs::path out, Format format, std::optional<fs::path> masks) {
    Impl& s = *impl_;
    s.control.post(s.counted([&s, out = std::move(out), format, masks = std::move(masks)](const CancelToken& token) {
        if (!s.document) return;
        if (s.pending() && !s.step_now(token)) return;
        const auto work = [&s, out, format, masks, document = s.document, edits = s.edits](Progress& progress) {
            const ExportProof proof =
                export_with_masks(document->model->checkpoint(), export_masks(*document), out, format, masks, progress);
            s.post([&s, out, proof, edits, document] {
                s.mark_saved(edits, document);
                s.notify(Notice::Kind::information, "Exported " + last_name(out),
                         "opened again and compared: " + grouped(proof.zeros) + " zeros in " +
                             counted(proof.tensors_pruned, "pruned tensor") + ", " +
                             counted(proof.tensors_untouched, "tensor") + " unchanged");
                s.publish();
            });
        };
        s.start_job("Exporting " + last_name(out), work);
    }));
}

void Session::convert_model(ConversionOrder order) {
    Impl& s = *impl_;
    s.post([&s, order = std::move(order)] {
        if (!s.document) return;
        const auto work = [&s, order, document = s.document, data = s.data](Progress& progress) {
            auto result = std::make_shared<ConversionResult>();
            result->conversion = order.conversion;
            result->out = order.out;
            result->report = convert({.checkpoint = document->model->checkpoint_ptr(),
                                      .masks = export_masks(*document),
                                      .conversion = order.conversion,
                                      .options = order.options,
                                      .data = data,
                                      .input_shape = order.input_shape,
                                      .out = order.out},
                                     progress);
            s.post([&s, result] {
                s.conversion = result;
                s.notify(Notice::Kind::information, "Converted to " + result->out.filename().string(),
                         grouped(result->report.parameters_before) + " parameters became " +
                             grouped(result->report.parameters_after));
                s.publish();
            });
        };
        s.start_job("Converting to " + order.out.filename().string(), work);
    });
}

}  // namespace lacuna
