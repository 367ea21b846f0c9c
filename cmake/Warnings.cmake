# Strict warnings for our own targets only: link lacuna_warnings privately.
add_library(lacuna_warnings INTERFACE)
target_compile_options(lacuna_warnings INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor
                                                 -Woverloaded-virtual -Wno-missing-field-initializers)
if(LACUNA_WERROR)
    target_compile_options(lacuna_warnings INTERFACE -Werror)
endif()
