// saved_session.cpp: the KV cache written to chunks, and taken from them.
#include <algorithm>
#include <cstring>

#include "checksum.h"
#include "session.h"

namespace bitnet {

namespace {

std::span<uint8_t> content(std::span<uint8_t> chunk) noexcept {
  return chunk.first(chunk.size() - SavedLayout::checksum_bytes);
}

const char* name(KvPrecision precision) noexcept { return precision == KvPrecision::f16 ? "f16" : "int8"; }

Status damaged_chunk(size_t index, const char* what) {
  return fail(BN_BAD_FILE, "chunk %zu of the saved session %s; run the conversation again", index, what);
}

}  // namespace

SavedLayout Session::saved_layout(size_t n_positions) const noexcept {
  const Config& config = model_.config;
  const auto position_bytes = static_cast<size_t>(config.n_kv_heads * cache_.shape().bytes_per_position());
  return {config.n_layers, position_bytes, std::min(n_positions, capacity())};
}

SavedHeader Session::saved_header(size_t n_positions) const noexcept {
  const auto number = [](size_t n) { return static_cast<uint32_t>(n); };
  const Config& config = model_.config;
  return {SavedHeader::expected_magic,       SavedHeader::known_version, model_.header_checksum,
          static_cast<uint32_t>(precision_), number(config.n_layers),    number(config.n_kv_heads),
          number(config.head_dim),           number(n_positions)};
}

Status Session::save(size_t n_positions, size_t index, std::span<uint8_t> chunk) {
  if (n_positions == 0 || n_positions > position_)
    return fail(BN_BAD_ARGUMENT, "%zu positions cannot be saved: the session has %zu; save at least one of them",
                n_positions, position_);
  const SavedLayout layout = saved_layout(n_positions);
  if (chunk.empty() || chunk.size() != layout.chunk_bytes(index))
    return fail(BN_BAD_ARGUMENT, "chunk %zu of this session has %zu bytes, and room for %zu is given", index,
                layout.chunk_bytes(index), chunk.size());
  const std::span<uint8_t> into = content(chunk);
  if (index == SavedLayout::header) {
    const SavedHeader header = saved_header(n_positions);
    std::memcpy(into.data(), &header, sizeof header);
  } else if (index == SavedLayout::tokens) {
    std::memcpy(into.data(), tokens_.data(), into.size());
  } else {
    BN_TRY(save_rows(layout.rows(index), into));
  }
  const uint32_t checksum = crc32(into);
  std::memcpy(into.data() + into.size(), &checksum, sizeof checksum);
  return {};
}

Status Session::save_rows(SavedLayout::Rows rows, std::span<uint8_t> into) {
  const Rank::Part heads = model_.rank.part(model_.config.n_kv_heads, 1);
  const size_t head_bytes = into.size() / model_.config.n_kv_heads;
  for (size_t head = heads.begin; head < heads.end; ++head)
    cache_.save(rows.layer, head - heads.begin, rows.begin, rows.end, into.data() + head * head_bytes);
  return model_.gather_bytes(into.data(), 1, into.size(), heads.begin * head_bytes, heads.end * head_bytes);
}

Status Session::restore(size_t index, std::span<uint8_t> chunk) {
  if (index == SavedLayout::header) forget();
  const Status status = take(index, chunk);
  if (!status.ok()) forget();
  return status;
}

Status Session::take(size_t index, std::span<uint8_t> chunk) {
  if (!model_.ready) return fail(BN_NOT_READY, "the weights have not arrived completely yet");
  const SavedLayout layout = saved_layout(restoring_.n_positions);
  if (index != restoring_.next_chunk || chunk.size() != layout.chunk_bytes(index))
    return fail(BN_BAD_ARGUMENT, "chunk %zu of %zu bytes was given where chunk %zu of %zu belongs", index, chunk.size(),
                restoring_.next_chunk, layout.chunk_bytes(restoring_.next_chunk));
  // Rank 0 has it.
  BN_TRY(model_.gather_bytes(chunk.data(), 1, chunk.size(), 0, model_.rank.index == 0 ? chunk.size() : 0));
  const std::span<const uint8_t> bytes = content(chunk);
  uint32_t checksum = 0;
  std::memcpy(&checksum, bytes.data() + bytes.size(), sizeof checksum);
  if (crc32(bytes) != checksum) return damaged_chunk(index, "is damaged");
  restoring_.next_chunk += 1;
  if (index == SavedLayout::header) return take_header(bytes);
  if (index == SavedLayout::tokens) return take_tokens(bytes);
  BN_TRY(take_rows(index, layout.rows(index), bytes));
  if (restoring_.next_chunk < layout.n_chunks()) return {};
  return confirm(restoring_.n_positions, chunk);
}

Status Session::take_header(std::span<const uint8_t> bytes) {
  SavedHeader header;
  std::memcpy(&header, bytes.data(), sizeof header);
  const SavedHeader mine = saved_header(header.n_positions);
  if (header.magic != mine.magic) return fail(BN_BAD_FILE, "this is no saved session; run the conversation again");
  if (header.version != mine.version)
    return fail(BN_UNSUPPORTED,
                "the saved session has format %u, and this version knows %u; run the conversation again",
                header.version, mine.version);
  if (header.model != mine.model)
    return fail(BN_UNSUPPORTED,
                "the saved session belongs to another model; open that one, or run the conversation again");
  if (header.precision != mine.precision)
    return fail(BN_UNSUPPORTED,
                "the saved session has another precision of the KV cache than %s; choose that one, or run the "
                "conversation again",
                name(precision_));
  if (std::memcmp(&header, &mine, sizeof header) != 0 || header.n_positions == 0)
    return damaged_chunk(SavedLayout::header, "contradicts the model");
  if (header.n_positions > capacity())
    return fail(BN_CONTEXT_FULL, "the saved session has %u positions, and the context holds %zu; choose a longer one",
                header.n_positions, capacity());
  restoring_.n_positions = header.n_positions;
  return {};
}

Status Session::take_tokens(std::span<const uint8_t> bytes) {
  const std::span<int32_t> tokens = tokens_.first(restoring_.n_positions);
  std::memcpy(tokens.data(), bytes.data(), bytes.size());
  for (const int32_t token : tokens)
    if (token < 0 || static_cast<size_t>(token) >= model_.config.n_vocab)
      return damaged_chunk(SavedLayout::tokens, "has an id outside the vocabulary");
  return {};
}

Status Session::take_rows(size_t index, SavedLayout::Rows rows, std::span<const uint8_t> bytes) {
  const Rank::Part heads = model_.rank.part(model_.config.n_kv_heads, 1);
  const size_t head_bytes = bytes.size() / model_.config.n_kv_heads;
  for (size_t head = heads.begin; head < heads.end; ++head)
    if (!cache_.restore(rows.layer, head - heads.begin, rows.begin, rows.end, bytes.data() + head * head_bytes))
      return damaged_chunk(index, "has a number that no session stores");
  return {};
}

// Are these the keys and values that this model makes? Those of the last position, which depend on all before and on
// nearly all weights, are made once more, and must have the same bits.
Status Session::confirm(size_t n_positions, std::span<uint8_t> scratch) {
  const size_t last = n_positions - 1;
  const uint32_t saved = rows_checksum(last, scratch);
  const int32_t token = tokens_[last];
  position_ = last;
  BN_TRY(prefill({&token, 1}, false));
  bool same = rows_checksum(last, scratch) == saved;
  if (model_.rank.count > 1) {
    const size_t mine = model_.rank.index;
    slots_[mine] = same ? 1.0f : 0.0f;
    BN_TRY(model_.gather(slots_.data(), 1, model_.rank.count, {mine, mine + 1}));
    const std::span<const float> verdicts = slots_.first(model_.rank.count);
    same = std::find(verdicts.begin(), verdicts.end(), 0.0f) == verdicts.end();
  }
  if (same) return {};
  return fail(BN_UNSUPPORTED,
              "the saved session was made by another model, or by another version of this program; run the "
              "conversation again");
}

// Of what this rank holds of one position.
uint32_t Session::rows_checksum(size_t position, std::span<uint8_t> scratch) const noexcept {
  const KvCache::Shape& shape = cache_.shape();
  const auto row = scratch.first(static_cast<size_t>(shape.bytes_per_position()));
  uint32_t checksum = 0;
  for (size_t layer = 0; layer < shape.n_layers; ++layer)
    for (size_t head = 0; head < shape.n_heads; ++head) {
      cache_.save(layer, head, position, position + 1, row.data());
      checksum = crc32(row, checksum);
    }
  return checksum;
}

}  // namespace bitnet
