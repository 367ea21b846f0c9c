#include "engine/model/registry.h"
#include "engine/sparsifiers/registry.h"

namespace lacuna {
namespace {

std::vector<OptionSpec> options() {
    std::vector<OptionSpec> all{
        {.name = "order",
         .type = OptionType::choice,
         .help = "sparsify_first prunes values and quantises what is left; quantize_first prunes by the rounded values "
                 "and keeps the scales of the unpruned rows.",
         .default_value = std::string("sparsify_first"),
         .choices = {"sparsify_first", "quantize_first"}}};
    for (const OptionSpec& spec : sparsifier("data_norm").options()) all.push_back(spec);
    return all;
}

}  // namespace

const Conversion& quantized_embeddings_conversion();
const Conversion& quantized_embeddings_conversion() {
    static const Conversion conversion{
        .name = "quantized_embeddings",
        .title = "Quantised embedding tables",
        .help =
            "Tables of Embedding and EmbeddingBag layers take 8 bits a value, each row with a scale of its own; pruned "
            "values are exactly 0. All tables are pruned by data_norm under the options below, unless a recipe or "
            "masks prune any of them: then those are the tables, with those masks (quantize_first quantises the "
            "others too, unpruned).",
        .options = options()};
    return conversion;
}

}  // namespace lacuna
