# Installs the build in BUILD into a folder of its own, then configures, builds and runs the programs beside this file
# against it, as somebody outside the repository would. WITH_TORCH: that of LibTorch too.
function(run)
    execute_process(COMMAND ${ARGV} RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
    if(NOT status EQUAL 0)
        string(REPLACE ";" " " command "${ARGV}")
        message(FATAL_ERROR "${command}\nended with ${status}:\n${output}")
    endif()
    set(output "${output}" PARENT_SCOPE)
endfunction()

function(expect pattern)
    if(NOT output MATCHES "${pattern}")
        message(FATAL_ERROR "expected ${pattern}, got:\n${output}")
    endif()
    message(STATUS "${output}")
endfunction()

set(folder ${BUILD}/package)
file(REMOVE_RECURSE ${folder})
run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${folder}/installed --component development)
run(${CMAKE_COMMAND} -S ${CMAKE_CURRENT_LIST_DIR} -B ${folder}/build -G Ninja -DCMAKE_PREFIX_PATH=${folder}/installed
    -DCMAKE_BUILD_TYPE=${BUILD_TYPE} -DCMAKE_CXX_FLAGS=${FLAGS} -DWITH_TORCH=${WITH_TORCH})
run(${CMAKE_COMMAND} --build ${folder}/build)

run(${folder}/build/masks ${DEMO}/digits_cnn.safetensors)
expect("^[1-9][0-9]* layers, [1-9][0-9]* of [1-9][0-9]*\n$")
run(ldd ${folder}/build/masks)
if(output MATCHES "torch|libc10|Qt6|libGL")
    message(FATAL_ERROR "a program that links lacuna::engine alone must need none of these:\n${output}")
endif()

if(WITH_TORCH)
    run(${folder}/build/accuracy ${DEMO}/digits_cnn.pt ${DEMO}/digits_test.safetensors)
    expect("^[1-9][0-9]* samples, accuracy 0\\.9[0-9]+\n$")
endif()
