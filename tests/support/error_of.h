#pragma once

#include <gtest/gtest.h>

#include "engine/base/error.h"

namespace lacuna::testing_support {

/// Runs `call`, which must throw an Error, and returns it.
template <class Call>
Error error_of(Call&& call) {
    try {
        call();
    } catch (const Error& error) {
        return error;
    }
    ADD_FAILURE() << "nothing was thrown";
    return Error(ErrorKind::state, "", "");
}

}  // namespace lacuna::testing_support
