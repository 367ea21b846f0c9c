// Lacuna's settings of Dear ImGui; cmake/ImGui.cmake puts this file beside imgui.h.
#pragma once

#include <cassert>

#define IM_ASSERT(expression) assert(expression)
#define IMGUI_USE_WCHAR32            // all of Unicode in texts
#define IMGUI_DISABLE_DEMO_WINDOWS   // never shown
#define ImDrawIdx unsigned int       // plots have more vertices than 16 bits count
