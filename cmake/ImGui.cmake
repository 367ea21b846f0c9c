# Dear ImGui and ImPlot as one static library, lacuna_imgui, from the sources that scripts/setup put into .deps.
set(LACUNA_IMGUI "${PROJECT_SOURCE_DIR}/.deps/imgui" CACHE PATH "Folder with Dear ImGui 1.92's sources")
set(LACUNA_IMPLOT "${PROJECT_SOURCE_DIR}/.deps/implot" CACHE PATH "Folder with ImPlot 1.0's sources")
if(NOT EXISTS ${LACUNA_IMGUI}/imgui.h OR NOT EXISTS ${LACUNA_IMPLOT}/implot.h)
    message(FATAL_ERROR "Dear ImGui or ImPlot is missing under .deps: run scripts/setup, or configure with "
                        "-DLACUNA_IMGUI=DIR -DLACUNA_IMPLOT=DIR, or without the window: -DLACUNA_GUI=OFF")
endif()

# imgui.h takes the imconfig.h that lies beside it, and the one that came with the sources is another project's. So the
# build has a copy of the sources with ours.
set(imgui ${PROJECT_BINARY_DIR}/imgui)
file(GLOB imgui_files ${LACUNA_IMGUI}/*.h ${LACUNA_IMGUI}/*.cpp)
list(FILTER imgui_files EXCLUDE REGEX "/imconfig\\.h$")
file(COPY ${imgui_files} DESTINATION ${imgui})
file(COPY ${LACUNA_IMGUI}/backends/imgui_impl_opengl3.h ${LACUNA_IMGUI}/backends/imgui_impl_opengl3.cpp
          ${LACUNA_IMGUI}/backends/imgui_impl_opengl3_loader.h DESTINATION ${imgui}/backends)
configure_file(${CMAKE_CURRENT_LIST_DIR}/imconfig.h ${imgui}/imconfig.h COPYONLY)

add_library(lacuna_imgui STATIC
    ${imgui}/imgui.cpp ${imgui}/imgui_draw.cpp ${imgui}/imgui_tables.cpp ${imgui}/imgui_widgets.cpp
    ${imgui}/backends/imgui_impl_opengl3.cpp ${LACUNA_IMPLOT}/implot.cpp ${LACUNA_IMPLOT}/implot_items.cpp)
target_include_directories(lacuna_imgui SYSTEM PUBLIC ${imgui} ${LACUNA_IMPLOT})
target_compile_definitions(lacuna_imgui PRIVATE "IMPLOT_CUSTOM_NUMERIC_TYPES=(double)")
target_compile_options(lacuna_imgui PRIVATE -w)
target_link_libraries(lacuna_imgui PUBLIC ${CMAKE_DL_LIBS})
# Its templates take minutes and a gigabyte at -O2, for nothing that a frame would show.
set_source_files_properties(${LACUNA_IMPLOT}/implot_items.cpp PROPERTIES COMPILE_OPTIONS -O1)
