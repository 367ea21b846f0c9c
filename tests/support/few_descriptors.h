#pragma once

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <vector>

namespace lacuna::testing_support {

/// While it lives this process can open `count` more files, and not one beyond that.
class FewDescriptors {
  public:
    explicit FewDescriptors(size_t count) {
        std::vector<int> free(count + 1);  // the lowest that are free, in order
        for (int& descriptor : free) descriptor = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
        for (const int descriptor : free) ::close(descriptor);
        ::getrlimit(RLIMIT_NOFILE, &before_);
        const rlimit now{rlim_t(free.back()), before_.rlim_max};
        ::setrlimit(RLIMIT_NOFILE, &now);
    }
    ~FewDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }
    FewDescriptors(const FewDescriptors&) = delete;
    FewDescriptors& operator=(const FewDescriptors&) = delete;

  private:
    rlimit before_{};
};

}  // namespace lacuna::testing_support
