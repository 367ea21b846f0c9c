#pragma once

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace lacuna::testing_support {

/// A checkpoint that PyTorch or safetensors made (make_fixtures.py) and what they say about it.
struct Fixture {
    std::string name;
    nlohmann::json expected;
};

inline std::ostream& operator<<(std::ostream& out, const Fixture& fixture) {
    return out << fixture.name;
}

inline std::filesystem::path fixture_path(const std::string& name) {
    return std::filesystem::path(LACUNA_TEST_DATA) / "formats/fixtures" / name;
}

inline std::vector<Fixture> fixtures() {
    nlohmann::json all = nlohmann::json::parse(std::ifstream(fixture_path("expected.json")));
    std::vector<Fixture> list;
    for (auto& [name, expected] : all.items()) list.push_back({name, expected});
    return list;
}

/// Names the parameterised tests after their fixture.
inline std::string fixture_test_name(const std::string& name) {
    std::string text;
    for (const char c : name) text += std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
    return text;
}

}  // namespace lacuna::testing_support
