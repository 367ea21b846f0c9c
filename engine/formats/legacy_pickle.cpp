#include "engine/formats/legacy_pickle.h"

#include <algorithm>
#include <set>

#include "engine/base/error.h"
#include "engine/formats/pickle_reader.h"
#include "engine/formats/pickle_writer.h"
#include "engine/formats/torch_tensors.h"

namespace lacuna {
namespace {

/// Bytes [begin, end) of the pickle give way to `text`.
struct Edit {
    uint64_t begin, end;
    std::string text;
};

constexpr std::string_view pop = "0";
constexpr uint64_t frame_bytes = 9;

/// ('storage', class, key, location, count, view) loses its last element. A value that is computed and then dropped
/// keeps what it put into the memo; a None has put nothing there and can go.
void shorten_storage(const PickleGraph& graph, const PersistentSite& site, std::string_view pickle,
                     std::vector<Edit>& edits) {
    const uint64_t view_at = site.item_starts[5];
    const auto storage = storage_id(graph, site.id);
    if (storage && storage->view) {
        edits.push_back(
            {site.item_starts[3], site.item_starts[3], std::string(pop) + pickle::text(storage->view->key)});
        edits.push_back({view_at, view_at, std::string(pop) + pickle::integer(int64_t(storage->view->count))});
    }
    if (pickle.substr(view_at, site.tuple_at - view_at) == "N")
        edits.push_back({view_at, site.tuple_at, ""});
    else
        edits.push_back({site.tuple_at, site.tuple_at, std::string(pop)});
}

}  // namespace

std::string zip_form_of_legacy_pickle(std::string_view pickle, const std::string& where) {
    const PickleResult read = read_pickle(pickle, where);
    const PickleGraph& graph = read.graph;
    std::vector<Edit> edits;
    for (const uint64_t frame : read.frames) edits.push_back({frame, frame + frame_bytes, ""});
    std::set<PickleId> shortened, replaced;  // tuples of storages, references to classes
    for (const PersistentSite& site : read.sites) {
        const auto parts = graph.sequence(graph[site.id].items[0]);
        if (parts.size() == 6 && graph.is_text(parts[0], "storage")) {
            shorten_storage(graph, site, pickle, edits);
            shortened.insert(graph[site.id].items[0]);
        } else if (parts.size() == 4 && graph.is_text(parts[0], "module")) {
            const uint64_t begin = site.item_starts[1], end = site.item_starts[2];
            edits.push_back(
                {site.end - 1, site.end, std::string(pop) + std::string(pickle.substr(begin, end - begin))});
            replaced.insert(site.id);
        }
    }
    for (PickleId id = 0; id < graph.size(); ++id) {
        if (graph.kind(id) != PickleKind::persistent) continue;
        if (!replaced.contains(id) && !shortened.contains(graph[id].items[0]))
            throw Error(ErrorKind::format, where, "its pickle refers to storages in a way that cannot be carried over",
                        "load it in PyTorch and save it again");
    }
    std::stable_sort(edits.begin(), edits.end(), [](const Edit& a, const Edit& b) { return a.begin < b.begin; });
    std::string out;
    uint64_t done = 0;
    for (const Edit& edit : edits) {
        if (edit.begin < done)
            throw Error(ErrorKind::format, where, "its pickle nests references to storages",
                        "save it again in PyTorch");
        out += pickle.substr(done, edit.begin - done);
        out += edit.text;
        done = edit.end;
    }
    return out += pickle.substr(done);
}

}  // namespace lacuna
