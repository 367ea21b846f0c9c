#pragma once

/// Put before a function with vectorisable loops: the compiler makes one copy for each generation of x86 and the
/// loader picks the best that the processor has. All copies give the same bits (no fused multiply-add, no
/// reassociation). Sanitizers cannot run the loader's choice, so they get the one plain copy, as does who asks for it.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && defined(__OPTIMIZE__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && !defined(LACUNA_ONE_CLONE)
#define LACUNA_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define LACUNA_CLONES
#endif
