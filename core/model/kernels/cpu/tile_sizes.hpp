#pragma once

#include <cstdint>

// Sizes of the pieces that ops work in, on which their scratch memory depends
// (model/transformer_memory.hpp).
namespace cogent::model::cpu {

// Rows of the head whose logits [rows, vocab] exist at a time.
inline constexpr std::int64_t kHeadChunkRows = 256;

// Query rows of a tile of attention's backward: enough that writing the tile's own key gradients is
// cheap beside computing them. Long segments get larger tiles, since each tile keeps rows for all
// keys it sees.
inline constexpr std::int64_t kGradientTileRows = 128;
inline constexpr std::int64_t kGradientTilesOfASegment = 8;
constexpr std::int64_t gradient_tile_rows(std::int64_t segment_rows) {
  const std::int64_t part =
      (segment_rows + kGradientTilesOfASegment - 1) / kGradientTilesOfASegment;
  return part > kGradientTileRows ? part : kGradientTileRows;
}

}  // namespace cogent::model::cpu
