# Strict warnings for our own targets only: link lacuna_warnings privately.
add_library(lacuna_warnings INTERFACE)
target_compile_options(lacuna_warnings INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor
                                                 -Woverloaded-virtual -Wno-missing-field-initializers)
# g++ 12 sees overlaps in "text" + std::string that are not there (GCC bug 105651).
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    target_compile_options(lacuna_warnings INTERFACE -Wno-restrict)
endif()
# What g++'s sanitizers add to the code hides from it that a value was set (its manual, -fsanitize).
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_FLAGS MATCHES "-fsanitize=")
    target_compile_options(lacuna_warnings INTERFACE -Wno-maybe-uninitialized)
endif()
if(LACUNA_WERROR)
    target_compile_options(lacuna_warnings INTERFACE -Werror)
endif()
