#include "engine/formats/file_checkpoint.h"

namespace lacuna {

void FileCheckpoint::add_file(MappedFilePtr file) {
    files_.push_back(file->path());
    file_bytes_ += file->size();
    mapped_.push_back(std::move(file));
}

}  // namespace lacuna
