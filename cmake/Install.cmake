# Programs, libraries, headers, and the CMake package that `find_package(lacuna)` reads.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/lacuna)
set(header_folder ${CMAKE_INSTALL_INCLUDEDIR}/lacuna)
set(lacuna_built_with_torch ${LACUNA_TORCH})

# lacuna_install_library(TARGET NAME EXPORT): lacuna::NAME, described by EXPORT.cmake.
function(lacuna_install_library target name export)
    set_target_properties(${target} PROPERTIES EXPORT_NAME ${name})
    install(TARGETS ${target} EXPORT ${export} COMPONENT development ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
            LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} INCLUDES DESTINATION ${header_folder})
    install(EXPORT ${export} NAMESPACE lacuna:: DESTINATION ${package_folder} COMPONENT development)
endfunction()

lacuna_install_library(lacuna_engine engine lacunaEngine)
install(DIRECTORY engine DESTINATION ${header_folder} COMPONENT development FILES_MATCHING PATTERN "*.h" PATTERN "torch" EXCLUDE)
if(LACUNA_TORCH)
    lacuna_install_library(lacuna_torch torch lacunaTorch)
    # Named here because CMake leaves out of install paths what lies in the source folder, as .deps does.
    set_target_properties(lacuna_torch PROPERTIES INSTALL_RPATH "${LACUNA_LIBTORCH}/lib")
    install(DIRECTORY engine/torch DESTINATION ${header_folder}/engine COMPONENT development
            FILES_MATCHING PATTERN "*.h")
    install(FILES cmake/Libtorch.cmake DESTINATION ${package_folder} COMPONENT development)
endif()

if(TARGET lacuna_cuda)
    install(TARGETS lacuna_cuda COMPONENT development LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
endif()

foreach(program lacuna lacuna-cli)
    if(TARGET ${program})
        install(TARGETS ${program} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
    endif()
endforeach()

configure_package_config_file(cmake/lacunaConfig.cmake.in lacunaConfig.cmake INSTALL_DESTINATION ${package_folder})
write_basic_package_version_file(lacunaConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/lacunaConfig.cmake ${PROJECT_BINARY_DIR}/lacunaConfigVersion.cmake
              cmake/Dependencies.cmake DESTINATION ${package_folder} COMPONENT development)
