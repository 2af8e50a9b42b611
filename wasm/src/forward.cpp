// forward.cpp: the forward pass, top to bottom. Rows of n_tokens stand one after the other in every buffer.
#include <algorithm>

#include "session.h"

namespace bitnet {

Status Session::run(std::span<const int32_t> tokens, bool want_logits) {
  std::copy(tokens.begin(), tokens.end(), tokens_.begin() + static_cast<ptrdiff_t>(position_));
  BN_TRY(embed(tokens));
  for (size_t layer = 0; layer < model_.weights.layers.size(); ++layer) {
    BN_TRY(attention(layer, tokens.size()));
    BN_TRY(feed_forward(layer, tokens.size()));
    BN_TRY(check_hidden(layer, tokens.size()));
  }
  position_ += tokens.size();
  return want_logits ? prepare_output(tokens.size()) : Status();
}

Status Session::embed(std::span<const int32_t> tokens) {
  const size_t n_embd = model_.config.n_embd;
  const Matrix& table = model_.weights.token_embd;
  const Rank rank = model_.rank;
  if (rank.count == 1) {
    for (size_t t = 0; t < tokens.size(); ++t)
      embedding_row(*model_.kernels, table, static_cast<size_t>(tokens[t]), row(hidden_, t, n_embd).data());
  } else {
    // A row of the table lies on one rank: each fills its own slot, and all read the owner's.
    std::fill(slots_.begin(), slots_.end(), 0.0f);
    const auto slot = [&](size_t t, size_t owner) { return slots_.data() + (t * rank.count + owner) * n_embd; };
    for (size_t t = 0; t < tokens.size(); ++t) {
      const size_t local = static_cast<size_t>(tokens[t]) - table.first_row;
      if (local < table.n_rows) embedding_row(*model_.kernels, table, local, slot(t, rank.index));
    }
    BN_TRY(model_.gather(slots_.data(), tokens.size(), rank.count * n_embd,
                         {rank.index * n_embd, (rank.index + 1) * n_embd}));
    for (size_t t = 0; t < tokens.size(); ++t)
      for (uint32_t owner = 0; owner < rank.count; ++owner) {
        const Rank::Part rows = Rank{owner, rank.count}.part(model_.config.n_vocab, Rank::row_unit);
        const auto token = static_cast<size_t>(tokens[t]);
        if (token >= rows.begin && token < rows.end)
          std::copy_n(slot(t, owner), n_embd, row(hidden_, t, n_embd).data());
      }
  }
  for (size_t t = 0; t < tokens.size(); ++t) tap_("embedding", Tap::no_layer, t, row(hidden_, t, n_embd));
  return {};
}

Status Session::attention(size_t layer_index, size_t n_tokens) {
  const Config& config = model_.config;
  const Layer& layer = model_.weights.layers[layer_index];
  const size_t q_dim = config.q_dim(), kv_dim = config.kv_dim(), head_dim = config.head_dim;
  const Rank::Part kv_heads = model_.rank.part(config.n_kv_heads, 1);
  const size_t group = config.n_heads / config.n_kv_heads;
  normalise("attn_norm", layer_index, layer.attn_norm, n_tokens);
  multiply(layer_index, {{&layer.q, q_.data(), q_dim}, {&layer.k, k_.data(), kv_dim}, {&layer.v, v_.data(), kv_dim}},
           n_tokens);
  for (size_t t = 0; t < n_tokens; ++t) {
    const std::span q = row(q_, t, q_dim), k = row(k_, t, kv_dim), v = row(v_, t, kv_dim);
    // Half floats could not tell: they are saturated.
    BN_TRY(check_finite(k.subspan(layer.k.first_row, layer.k.n_rows), layer_index, t));
    BN_TRY(check_finite(v.subspan(layer.v.first_row, layer.v.n_rows), layer_index, t));

    const size_t n_pairs = config.n_rot / 2;
    const float* cosine = rope_.cosine.data() + (position_ + t) * n_pairs;
    const float* sine = rope_.sine.data() + (position_ + t) * n_pairs;
    const auto turn = [&](float* head, Vector norm) {
      if (!norm.empty()) rms_norm({head, head_dim}, norm, config.rms_eps, head);
      rope(config.architecture.rope_pairs, config.n_rot, cosine, sine, head);
    };
    for (size_t head = kv_heads.begin; head < kv_heads.end; ++head) {
      float* key = k.data() + head * head_dim;
      turn(key, layer.k_norm);
      for (size_t i = 0; i < group; ++i) turn(q.data() + (head * group + i) * head_dim, layer.q_norm);
      cache_.store(layer_index, head - kv_heads.begin, position_ + t, key, v.data() + head * head_dim);
    }
    tap_("rope.q", layer_index, t, q);
    tap_("rope.k", layer_index, t, k);
  }
  attend(layer_index, n_tokens);
  const size_t rows_per_kv_head = group * head_dim;
  BN_TRY(model_.gather(attended_.data(), n_tokens, q_dim,
                       {kv_heads.begin * rows_per_kv_head, kv_heads.end * rows_per_kv_head}));

  for (size_t t = 0; t < n_tokens; ++t) tap_("attention", layer_index, t, row(attended_, t, q_dim));
  sub_norm("attn_sub_norm", layer_index, layer.attn_sub_norm, attended_, q_dim, n_tokens);
  return project(layer.output, layer_index, n_tokens);
}

Status Session::feed_forward(size_t layer_index, size_t n_tokens) {
  const Config& config = model_.config;
  const Layer& layer = model_.weights.layers[layer_index];
  const Rank::Part part = {layer.gate.first_row, layer.gate.first_row + layer.gate.n_rows};
  normalise("ffn_norm", layer_index, layer.ffn_norm, n_tokens);
  multiply(layer_index, {{&layer.gate, gate_.data(), config.n_ff}, {&layer.up, up_.data(), config.n_ff}}, n_tokens);
  for (size_t t = 0; t < n_tokens; ++t)
    gate(config.architecture.activation, row(gate_, t, config.n_ff).subspan(part.begin, layer.gate.n_rows),
         row(up_, t, config.n_ff).data() + part.begin);
  BN_TRY(model_.gather(gate_.data(), n_tokens, config.n_ff, part));

  for (size_t t = 0; t < n_tokens; ++t) tap_("gate", layer_index, t, row(gate_, t, config.n_ff));
  sub_norm("ffn_sub_norm", layer_index, layer.ffn_sub_norm, gate_, config.n_ff, n_tokens);
  return project(layer.down, layer_index, n_tokens);
}

// normed_ = hidden_, normalised.
void Session::normalise(const char* name, size_t layer, Vector weight, size_t n_tokens) {
  const size_t n_embd = model_.config.n_embd;
  for (size_t t = 0; t < n_tokens; ++t) {
    rms_norm(row(hidden_, t, n_embd), weight, model_.config.rms_eps, row(normed_, t, n_embd).data());
    tap_(name, layer, t, row(normed_, t, n_embd));
  }
}

// normed_ = rows, normalised where the architecture has a sub-norm at this place.
void Session::sub_norm(const char* name, size_t layer, Vector weight, std::span<float> rows, size_t length,
                       size_t n_tokens) {
  for (size_t t = 0; t < n_tokens; ++t) {
    const std::span from = row(rows, t, length), to = row(normed_, t, length);
    if (weight.empty()) {
      std::copy(from.begin(), from.end(), to.begin());
    } else {
      rms_norm(from, weight, model_.config.rms_eps, to.data());
      tap_(name, layer, t, to);
    }
  }
}

// hidden_ += matrix . normed_
Status Session::project(const Matrix& matrix, size_t layer, size_t n_tokens) {
  const size_t n_embd = model_.config.n_embd;
  multiply(layer, {{&matrix, projected_.data(), n_embd}}, n_tokens);
  BN_TRY(model_.gather(projected_.data(), n_tokens, n_embd, {matrix.first_row, matrix.first_row + matrix.n_rows}));
  for (size_t t = 0; t < n_tokens; ++t) add(row(hidden_, t, n_embd), row(projected_, t, n_embd).data());
  return {};
}

// The products of matrices with the rows of normed_. For a tap, which knows the first row as `first_token`, they are
// made one by one, and their steps shown.
void Session::multiply(size_t layer, std::initializer_list<Product> products, size_t n_tokens, size_t first_token) {
  if (!tap_) return bitnet::multiply(*model_.kernels, products, normed_.data(), n_tokens, scratch_);
  for (size_t t = 0; t < n_tokens; ++t)
    for (const Product& product : products) {
      const Matrix& matrix = *product.matrix;
      const std::span<const float> x = row(normed_, t, matrix.n_cols);
      float* out = product.out + t * product.stride;
      const Product one[] = {{&matrix, out, product.stride}};
      bitnet::multiply(*model_.kernels, one, x.data(), 1, scratch_);
      const auto show = [&](const char* step, int32_t type, const void* data, size_t n) {
        char name[48];
        std::snprintf(name, sizeof name, "%s.%s", matrix.name, step);
        tap_.function(tap_.user, name, static_cast<int32_t>(layer), first_token + t, type, data, n);
      };
      show("input", BN_F32, x.data(), x.size());
      if (matrix.type == TensorType::i2_s) {
        show("quantised", BN_I8, scratch_.values.data(), x.size());
        show("sums", BN_I32, scratch_.sums.data(), matrix.n_rows);
      }
      show("output", BN_F32, out + matrix.first_row, matrix.n_rows);
    }
}

Status Session::check_hidden(size_t layer, size_t n_tokens) {
  for (size_t t = 0; t < n_tokens; ++t) {
    const std::span hidden = row(hidden_, t, model_.config.n_embd);
    tap_("layer", layer, t, hidden);
    BN_TRY(check_finite(hidden, layer, t));
  }
  return {};
}

Status Session::check_finite(std::span<const float> numbers, size_t layer, size_t token) const {
  if (all_finite(numbers)) return {};
  return fail(
      BN_BAD_NUMBERS,
      "layer %zu of %zu made a number that is not finite, at position %zu; the file is damaged, download it again "
      "or choose another model",
      layer + 1, model_.config.n_layers, position_ + token);
}

Status Session::run_kernels(int32_t parts) {
  if (!model_.ready) return fail(BN_NOT_READY, "the weights have not arrived completely yet");
  has_output_ = has_logits_ = false;
  const auto run = [&](std::initializer_list<Product> products) {
    bitnet::multiply(*model_.kernels, products, normed_.data(), 1, scratch_);
  };
  const Config& config = model_.config;
  const Rank::Part kv_heads = model_.rank.part(config.n_kv_heads, 1);
  const bool with_matrices = (parts & BN_LAYER_MATRICES) != 0;
  const bool with_attention = (parts & BN_ATTENTION) != 0 && position_ > 0;
  for (size_t i = 0; i < model_.weights.layers.size(); ++i) {
    const Layer& layer = model_.weights.layers[i];
    if (with_matrices) {
      run({{&layer.q, q_.data(), 0}, {&layer.k, k_.data(), 0}, {&layer.v, v_.data(), 0}});
      run({{&layer.output, projected_.data(), 0}});
      run({{&layer.gate, gate_.data(), 0}, {&layer.up, up_.data(), 0}});
      run({{&layer.down, projected_.data(), 0}});
    }
    for (size_t head = 0; with_attention && head < kv_heads.end - kv_heads.begin; ++head)
      attend_group(i, head, position_, q_.data(), attended_.data());
  }
  if ((parts & BN_HEAD) == 0) return {};
  if (model_.screen.empty())
    run({{&model_.weights.output, logits_.data(), 0}});
  else
    model_.screen.bounds(*model_.kernels, output_input_, screen_values_, lower_.data(), upper_.data());
  return {};
}

}  // namespace bitnet
