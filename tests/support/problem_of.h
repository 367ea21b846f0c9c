#pragma once

#include <string>

#include "engine/base/error.h"

namespace lacuna::testing_support {

/// What an action's Error says; "" if there is none.
template <class Action>
std::string problem_of(Action&& action) {
    try {
        action();
    } catch (const Error& error) {
        return error.what();
    }
    return "";
}

}  // namespace lacuna::testing_support
