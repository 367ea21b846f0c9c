#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/formats/pickle_graph.h"

namespace lacuna {

/// Where a tuple that became a persistent id is made, for rewriting it: byte positions in the pickle.
struct PersistentSite {
    PickleId id = 0;                    ///< the persistent node
    std::vector<uint64_t> item_starts;  ///< where the making of each item of the tuple begins
    uint64_t tuple_at = 0;              ///< the opcode that closes the tuple
    uint64_t begin = 0;                 ///< where the making of the tuple begins
    uint64_t end = 0;                   ///< just after the opcode that turns it into a persistent id
};

/// A pickle that was read, and where it ended.
struct PickleResult {
    PickleGraph graph;
    uint64_t size = 0;                  ///< bytes up to and with STOP
    std::vector<PersistentSite> sites;  ///< of all persistent ids that are tuples
    std::vector<uint64_t> frames;       ///< positions of FRAME opcodes, which only help a reader to read ahead
};

/// Reads one pickle of protocol 0 to 5 from the start of `bytes`. A pickle is a program; this machine runs it on data
/// only: classes and functions stay names, objects stay what they would be made of. Memory and time grow with the
/// pickle's length and nothing else. `where` names the file in errors. Throws Error(format).
PickleResult read_pickle(std::string_view bytes, const std::string& where);

}  // namespace lacuna
