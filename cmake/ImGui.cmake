# Dear ImGui and ImPlot as one static library, lacuna_imgui, from the sources that scripts/setup put into .deps.
set(LACUNA_IMGUI "${PROJECT_SOURCE_DIR}/.deps/imgui" CACHE PATH "Folder with Dear ImGui 1.92's sources")
set(LACUNA_IMPLOT "${PROJECT_SOURCE_DIR}/.deps/implot" CACHE PATH "Folder with ImPlot 1.0's sources")
if(NOT EXISTS ${LACUNA_IMGUI}/imgui.h OR NOT EXISTS ${LACUNA_IMPLOT}/implot.h)
    message(FATAL_ERROR "Dear ImGui or ImPlot is missing under .deps: run scripts/setup, or configure with "
                        "-DLACUNA_IMGUI=DIR -DLACUNA_IMPLOT=DIR, or without the window: -DLACUNA_GUI=OFF")
endif()

add_library(lacuna_imgui STATIC
    ${LACUNA_IMGUI}/imgui.cpp ${LACUNA_IMGUI}/imgui_draw.cpp ${LACUNA_IMGUI}/imgui_tables.cpp
    ${LACUNA_IMGUI}/imgui_widgets.cpp ${LACUNA_IMGUI}/backends/imgui_impl_opengl3.cpp
    ${LACUNA_IMPLOT}/implot.cpp ${LACUNA_IMPLOT}/implot_items.cpp)
target_include_directories(lacuna_imgui SYSTEM PUBLIC ${LACUNA_IMGUI} ${LACUNA_IMPLOT})
# The settings stand here and not in an imconfig.h: the one that comes with the sources is another project's.
target_compile_definitions(lacuna_imgui PUBLIC IMGUI_DISABLE_INCLUDE_IMCONFIG_H IMGUI_USE_WCHAR32
                                               IMGUI_DISABLE_DEMO_WINDOWS "ImDrawIdx=unsigned int")
target_compile_definitions(lacuna_imgui PRIVATE "IMPLOT_CUSTOM_NUMERIC_TYPES=(double)")
target_compile_options(lacuna_imgui PRIVATE -w)
target_link_libraries(lacuna_imgui PUBLIC ${CMAKE_DL_LIBS})
# Its templates take minutes and a gigabyte at -O2, for nothing that a frame would show.
set_source_files_properties(${LACUNA_IMPLOT}/implot_items.cpp PROPERTIES COMPILE_OPTIONS -O1)
