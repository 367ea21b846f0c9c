# Imported targets for LibTorch: lacuna::c10 and lacuna::torch_cpu (this one links the other), and lacuna::c10_cuda and
# lacuna::torch_cuda where they are there. LibTorch's own TorchConfig.cmake demands a CUDA toolkit, so it is not used.
# Reads LACUNA_LIBTORCH, a folder with include/ and lib/. Installed beside lacunaConfig.cmake as well.
include_guard(GLOBAL)

set(LACUNA_LIBTORCH_VERSION 2.11)
if(NOT EXISTS "${LACUNA_LIBTORCH}/include/ATen/core/Tensor.h" OR NOT EXISTS "${LACUNA_LIBTORCH}/lib/libtorch_cpu.so")
    message(FATAL_ERROR "There is no LibTorch in '${LACUNA_LIBTORCH}'. Run scripts/setup, or name a folder with LibTorch "
                        "${LACUNA_LIBTORCH_VERSION}'s include/ and lib/: -DLACUNA_LIBTORCH=DIR (the folder torch/ of an "
                        "installed Python package serves), or do without: -DLACUNA_TORCH=OFF")
endif()

file(STRINGS "${LACUNA_LIBTORCH}/include/torch/headeronly/version.h" lacuna_libtorch_version
     REGEX "define TORCH_VERSION_(MAJOR|MINOR) ")
string(REGEX REPLACE ".*MAJOR ([0-9]+).*MINOR ([0-9]+).*" "\\1.\\2" lacuna_libtorch_version "${lacuna_libtorch_version}")
if(NOT lacuna_libtorch_version STREQUAL LACUNA_LIBTORCH_VERSION)
    message(FATAL_ERROR "LibTorch in '${LACUNA_LIBTORCH}' is version ${lacuna_libtorch_version}; Lacuna needs "
                        "${LACUNA_LIBTORCH_VERSION}. Set -DLACUNA_LIBTORCH=DIR to a folder that has it.")
endif()

# A library built with the old std::string would link with nothing here, and say so in a hundred unreadable lines.
file(STRINGS "${LACUNA_LIBTORCH}/lib/libc10.so" lacuna_libtorch_abi REGEX "NSt7__cxx1112basic_string" LIMIT_COUNT 1)
if(NOT lacuna_libtorch_abi)
    message(FATAL_ERROR "LibTorch in '${LACUNA_LIBTORCH}' was built with the old C++ ABI. Take a build with "
                        "_GLIBCXX_USE_CXX11_ABI=1, as torch ${LACUNA_LIBTORCH_VERSION} on PyPI is.")
endif()

# lacuna_libtorch_target(NAME DEPENDENCIES... ): lacuna::NAME for lib<NAME>.so.
function(lacuna_libtorch_target name)
    add_library(lacuna::${name} SHARED IMPORTED GLOBAL)
    set_target_properties(lacuna::${name} PROPERTIES IMPORTED_LOCATION "${LACUNA_LIBTORCH}/lib/lib${name}.so"
                                                     INTERFACE_COMPILE_DEFINITIONS _GLIBCXX_USE_CXX11_ABI=1)
    target_include_directories(lacuna::${name} SYSTEM INTERFACE "${LACUNA_LIBTORCH}/include"
                                                                "${LACUNA_LIBTORCH}/include/torch/csrc/api/include")
    target_link_libraries(lacuna::${name} INTERFACE ${ARGN})
endfunction()

lacuna_libtorch_target(c10)
lacuna_libtorch_target(torch_cpu lacuna::c10)
if(EXISTS "${LACUNA_LIBTORCH}/lib/libtorch_cuda.so")
    lacuna_libtorch_target(c10_cuda lacuna::c10)
    lacuna_libtorch_target(torch_cuda lacuna::torch_cpu lacuna::c10_cuda)
endif()

# What a linker cannot find for itself: the CUDA runtime beside libtorch_cpu, or where pip puts it in a Python package.
file(GLOB lacuna_libtorch_cuda_folders "${LACUNA_LIBTORCH}/../nvidia/cu13/lib")
foreach(folder "${LACUNA_LIBTORCH}/lib" ${lacuna_libtorch_cuda_folders})
    target_link_options(lacuna::torch_cpu INTERFACE "LINKER:-rpath-link,${folder}")
endforeach()
