#include "app/cli/front.h"

int main(int argc, char** argv) {
    return lacuna::cli::run(argc, argv);
}
