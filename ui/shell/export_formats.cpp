#include "ui/shell/export_formats.h"

#include <QCoreApplication>

#include "ui/shell/text_format.h"

namespace lacuna::ui {

std::vector<Format> export_formats(const Checkpoint& source) {
    std::vector<Format> formats{writable_format(source)};
    for (Format other : {Format::safetensors, Format::torch_zip})
        if (other != formats[0]) formats.push_back(other);
    return formats;
}

QString format_title(Format format) {
    switch (format) {
        case Format::safetensors:
            return QCoreApplication::translate("Format", "safetensors");
        case Format::safetensors_sharded:
            return QCoreApplication::translate("Format", "safetensors, sharded");
        case Format::torch_zip:
            return QCoreApplication::translate("Format", "PyTorch checkpoint");
        case Format::torch_legacy:
            return QCoreApplication::translate("Format", "PyTorch checkpoint, before 1.6");
        case Format::torchscript:
            return QCoreApplication::translate("Format", "TorchScript");
    }
    return to_qstring(format_name(format));
}

QString format_suffix(Format format, const Checkpoint& source) {
    if (format == Format::safetensors) return QStringLiteral("safetensors");
    if (format == Format::safetensors_sharded) return QStringLiteral("safetensors.index.json");
    const bool same_kind = source.format() == format || source.format() == Format::torch_legacy;
    const QString own = to_qstring(source.path().extension().string()).mid(1);
    return same_kind && !own.isEmpty() ? own : QStringLiteral("pt");
}

}  // namespace lacuna::ui
