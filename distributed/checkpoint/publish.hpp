#pragma once

#include <cstdint>
#include <filesystem>
#include <span>

namespace cogent::distributed {

// The steps of learner 0 that make a checkpoint visible. Errors are kCheckpoint.

// Makes the folder where it is missing, and raises the number in its file `generation`. From then
// on writers that hold an earlier number refuse to publish: a rank that outlived its job on a
// cut-off host cannot write beside the job that took over.
std::uint64_t begin_generation(const std::filesystem::path& dir);
void check_generation(const std::filesystem::path& dir, std::uint64_t generation);

// Removes every step-*.tmp: parts that a killed run left.
void remove_temporary_folders(const std::filesystem::path& dir);
void make_folder(const std::filesystem::path& dir);

// Removes the folder of a save that failed, where possible and where no later start owns it.
void discard_folder(const std::filesystem::path& temporary, std::uint64_t generation) noexcept;

// Renames the complete, synced folder to its visible name; an older folder of that name is
// exchanged for it in one system call and then removed.
void publish_folder(const std::filesystem::path& temporary, const std::filesystem::path& target);

// Removes the checkpoints before `step` but for the newest keep_last - 1 and those of the steps in
// `kept`. What cannot be removed is logged: the checkpoint just written stands.
void prune(const std::filesystem::path& dir, std::int64_t step, std::int64_t keep_last,
           std::span<const std::int64_t> kept);

}  // namespace cogent::distributed
