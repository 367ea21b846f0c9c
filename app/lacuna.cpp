#include "ui/shell/explorer.h"

int main(int argc, char** argv) {
    return lacuna::ui::run_explorer(argc, argv);
}
