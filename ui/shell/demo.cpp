#include "ui/shell/demo.h"

#include <QCoreApplication>
#include <QFileInfo>

namespace lacuna::ui {
namespace {

/// Built programs lie in build/<preset>/bin, installed ones in bin beside share.
QString demo_file(const char* name) {
    for (const char* folder : {"/../../../resources/demo/", "/../share/lacuna/demo/"}) {
        const QFileInfo file(QCoreApplication::applicationDirPath() + QLatin1String(folder) + QLatin1String(name));
        if (file.isFile()) return file.canonicalFilePath();
    }
    return {};
}

}  // namespace

QString demo_model() {
    return demo_file("digits_cnn.pt");
}

QString demo_data() {
    return demo_file("digits_test.safetensors");
}

}  // namespace lacuna::ui
