#pragma once

#include <QApplication>

/// The one application that the window's tests share; without a display unless QT_QPA_PLATFORM names one.
inline QApplication& test_application() {
    static int count = 1;
    static char name[] = "ui_tests";
    static char* arguments[] = {name, nullptr};
    static QApplication* application = [] {
        if (qEnvironmentVariableIsEmpty("QT_QPA_PLATFORM")) qputenv("QT_QPA_PLATFORM", "offscreen");
        return new QApplication(count, arguments);  // lives as long as the program: Qt wants it to outlive all widgets
    }();
    return *application;
}
