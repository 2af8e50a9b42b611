/* bitnet.h: the C interface of the BitNet core, and its only public header.
 *
 * Two handles. A bn_model is a GGUF file: it is pushed in as bytes arrive and never changes once it is
 * ready. A bn_session is one conversation over a model: KV cache, positions, logits, sampler.
 *
 * Rules that hold for every call:
 *  - A function that can fail returns a bn_status. What was wrong, with the offending numbers and what to do,
 *    is one UTF-8 sentence: bn_model_error() or bn_session_error(), valid until the next call on that handle.
 *  - Pointers handed out point into the core's memory and stay valid as long as each comment says.
 *  - Whoever calls *_new must call *_free. A model must outlive its sessions.
 *  - A handle is used by one thread at a time; different handles need no locking.
 *  - Token ids are int32, sizes are bytes where the name says so, text is UTF-8 with a length (no NUL needed).
 *  - prefill, decode and sample allocate nothing.
 */
#ifndef BITNET_H
#define BITNET_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#define BN_NOEXCEPT noexcept
#else
#define BN_NOEXCEPT
#endif

#define BN_API __attribute__((visibility("default"), used))

/* Grows by one whenever a signature below changes or is added; a caller checks it once after opening the library. */
#define BN_ABI_VERSION 4

typedef int32_t bn_status;
enum {
  BN_OK = 0,
  BN_BAD_ARGUMENT = 1,     /* the caller's mistake: null handle, id outside the vocabulary, unknown kernel */
  BN_BAD_FILE = 2,         /* not GGUF, truncated, damaged or contradictory */
  BN_UNSUPPORTED = 3,      /* well formed, but an architecture or tensor type this core does not run */
  BN_OUT_OF_MEMORY = 4,    /* the sentence says how many bytes are missing */
  BN_CONTEXT_FULL = 5,     /* fewer positions left than tokens given; nothing has changed */
  BN_NOT_READY = 6,        /* wrong moment: the model is not loaded yet, or there are no logits yet */
  BN_BAD_NUMBERS = 7,      /* NaN or infinity came out of the model */
  BN_BUFFER_TOO_SMALL = 8, /* the needed size has been written; call again */
  BN_EXCHANGE_FAILED = 9   /* the exchange callback reported an error */
};

/* What the library is. Static strings. */
BN_API uint32_t bn_abi_version(void) BN_NOEXCEPT;
BN_API const char* bn_version(void) BN_NOEXCEPT;
BN_API const char* bn_status_name(bn_status status) BN_NOEXCEPT; /* "BN_BAD_FILE", or "BN_UNKNOWN" */

/* Kernel sets that this build has and this machine can run, best first; NULL at and past the end.
 * "scalar" is always there: it is the definition that the others equal bit for bit. */
BN_API const char* bn_kernel_name(size_t index) BN_NOEXCEPT;

/* Multiply a ternary matrix of 64 x 1024 with a vector n times, to learn which set is the fastest: an engine may turn
 * an instruction into one of the processor's or into five, and does not tell which. The caller holds the clock. */
BN_API bn_status bn_kernel_spin(const char* kernel, size_t n) BN_NOEXCEPT;

/* Compare every kernel of the named set with its scalar twin on n_rounds seeded random inputs and on the
 * worst cases; *n_mismatches counts results that differ in any bit. */
BN_API bn_status bn_kernel_check(const char* kernel, uint64_t seed, size_t n_rounds, size_t* n_mismatches) BN_NOEXCEPT;

/* Levels of the log: 0 error, 1 warning, 2 info, 3 debug. The message is valid during the call. */
typedef void (*bn_log_fn)(void* user, int32_t level, const char* message);

/* All-gather between ranks. data holds n_rows rows of row_bytes each; this rank has filled the bytes
 * [begin, end) of every row. On return all bytes of every row must be there. 0 means done. */
typedef int32_t (*bn_exchange_fn)(void* user, void* data, size_t n_rows, size_t row_bytes, size_t begin, size_t end);

typedef struct bn_model bn_model;
typedef struct bn_session bn_session;

/* ---- Loading: bytes in file order, in chunks of any size --------------------------------------------------- */

/* file_bytes: size of the whole file, 0 if unknown. kernel: a name from bn_kernel_name, NULL for the first.
 * memory_limit_bytes: refuse weights plus sessions above this, 0 for no limit.
 * rank of n_ranks (at most 256): which rows of every matrix this copy holds; exchange may be NULL when n_ranks is 1.
 * Every rank must then make the same calls of bn_model_set_head, bn_model_finish and bn_session_*, with the same
 * arguments, in the same order and at the same time: most of them exchange.
 * log may be NULL. *model is NULL after a failure (BN_BAD_ARGUMENT, BN_OUT_OF_MEMORY). */
BN_API bn_status bn_model_new(uint64_t file_bytes, const char* kernel, uint64_t memory_limit_bytes, uint32_t rank,
                              uint32_t n_ranks, bn_exchange_fn exchange, void* exchange_user, bn_log_fn log,
                              void* log_user, bn_model** model) BN_NOEXCEPT;
BN_API void bn_model_free(bn_model* model) BN_NOEXCEPT; /* NULL is allowed */

/* How the next token is found; to be called before the header arrives. 1, the default: the output head is screened by a
 * copy of its rows in 7 bits, made by bn_model_finish (about n_vocab * (n_embd + 8) bytes), with a bound for each row;
 * only rows that can be chosen are computed from the stored table. What is chosen is the same, bit for bit, as with 0,
 * where the head is computed as a whole. Where there is no room for the copy, and for ternary heads, there is none; a
 * session that is made later may find the memory taken. */
BN_API bn_status bn_model_set_head(bn_model* model, int32_t screened) BN_NOEXCEPT;

/* The sentence for the last failure on this model, "" if there was none. */
BN_API const char* bn_model_error(const bn_model* model) BN_NOEXCEPT;

/* Copy n_bytes of the file in. The first failure is final: every later call returns it again. */
BN_API bn_status bn_model_push(bn_model* model, const uint8_t* bytes, size_t n_bytes) BN_NOEXCEPT;

/* The same without a copy in between: write up to the returned number of bytes at *where, their final place,
 * then commit how many were written. The window changes with every commit. 0 after a failure. */
BN_API size_t bn_model_window(bn_model* model, uint8_t** where) BN_NOEXCEPT;
BN_API bn_status bn_model_commit(bn_model* model, size_t n_bytes) BN_NOEXCEPT;

/* No more bytes: the model is ready, or the file was truncated. */
BN_API bn_status bn_model_finish(bn_model* model) BN_NOEXCEPT;

/* A model split into several files (split.count above 1): after all bytes of one part, say that those of the next
 * follow, in order, and how many they are (0 if unknown). bn_model_parts_left tells how many are still to come,
 * 0 in stage 0. */
BN_API bn_status bn_model_next_part(bn_model* model, uint64_t file_bytes) BN_NOEXCEPT;
BN_API uint32_t bn_model_parts_left(const bn_model* model) BN_NOEXCEPT;

/* Which bytes of the file that is arriving a rank keeps (stage 1): runs of offsets in it, two numbers each, [begin,
 * end), in order. *n_runs is how many there are; BN_BUFFER_TOO_SMALL when that exceeds capacity. Whoever hands a file
 * out to the ranks sends each of them the header and these runs, and tells it by bn_model_skip what lies between. */
BN_API bn_status bn_model_kept(bn_model* model, uint32_t rank, uint64_t* runs, size_t capacity,
                               size_t* n_runs) BN_NOEXCEPT;
/* The next n_bytes of the file will not come: this rank keeps none of them. BN_BAD_ARGUMENT, and nothing has changed,
 * if it does. */
BN_API bn_status bn_model_skip(bn_model* model, uint64_t n_bytes) BN_NOEXCEPT;

/* 0 reading the header, 1 header known and tensors arriving, 2 ready, 3 failed. */
BN_API int32_t bn_model_stage(const bn_model* model) BN_NOEXCEPT;
BN_API uint64_t bn_model_position(const bn_model* model) BN_NOEXCEPT; /* bytes committed so far */

/* ---- What a model is (stage 1 and later) --------------------------------------------------------------------- */

/* One JSON object, valid until the header of another part arrives, the model is finished or freed; NULL before any
 * header:
 *   architecture, name, kernel, file_type, n_bit_linear (matrices that are run as BitLinear), n_params, n_vocab,
 *   n_layers, n_embd, n_ff, n_heads, n_kv_heads, head_dim, n_ctx_train, rope_base, rms_eps, activation, n_ranks,
 *   data_offset; of all ranks together: weights_bytes, kv_bytes_per_position {f16, int8}, screen_bytes (what the output
 *   head's copy takes where there is one, see bn_model_set_head; 0 for a head that cannot have one),
 *   tokenizer {model, pre, bos, eos, eot, pad, add_bos, add_eos, end_ids[]}, chat_template (or null),
 *   warnings [sentence], metadata [{key, type, value (of a string its first 4096 bytes)} or {key, type, count}],
 *   tensors [{name, type, shape[] (ne[0] first), ternary (it is run as -1, 0 and +1), offset, n_bytes}]. */
BN_API const char* bn_model_info(const bn_model* model) BN_NOEXCEPT;

/* ---- Tokenizer (stage 1 and later) ------------------------------------------------------------------------- */

enum {
  BN_ADD_SPECIAL = 1,  /* add the BOS/EOS that the model asks for */
  BN_PARSE_SPECIAL = 2 /* "<|eot_id|>" in the text is that token, not its characters */
};

/* Text to ids. *n_ids is the number of ids; BN_BUFFER_TOO_SMALL when it exceeds capacity. */
BN_API bn_status bn_model_tokenize(bn_model* model, const char* text, size_t n_bytes, int32_t flags, int32_t* ids,
                                   size_t capacity, size_t* n_ids) BN_NOEXCEPT;

/* The bytes that a token stands for (a piece: perhaps part of a UTF-8 sequence). Control tokens give their
 * name when special is not 0, else nothing. Writes at most capacity bytes and returns how many there are. */
BN_API size_t bn_model_piece(const bn_model* model, int32_t id, int32_t special, uint8_t* out,
                             size_t capacity) BN_NOEXCEPT;
BN_API int32_t bn_model_is_end(const bn_model* model, int32_t id) BN_NOEXCEPT; /* 1: ends a generation */
BN_API size_t bn_model_n_vocab(const bn_model* model) BN_NOEXCEPT;

/* ---- Sessions (stage 1 and later; they run in stage 2) ------------------------------------------------------ */

/* What the KV cache keeps of keys and values: half floats, or bytes with one float for the key and one for the value of
 * each position and head, which takes half the memory, is faster, and changes the logits a little. */
enum { BN_KV_F16 = 0, BN_KV_INT8 = 1 };

/* n_ctx: positions of the KV cache, 1 to the model's n_ctx_train (0: all of them). kv: its precision. A failure's
 * sentence is on the model. Made in stage 1, a session that does not fit is refused before the weights are fetched.
 * bn_session_bytes tells the memory it takes beforehand (of n_ctx_train positions if n_ctx is above that). */
BN_API bn_status bn_session_new(bn_model* model, size_t n_ctx, int32_t kv, bn_session** session) BN_NOEXCEPT;
BN_API void bn_session_free(bn_session* session) BN_NOEXCEPT; /* NULL is allowed */
BN_API uint64_t bn_session_bytes(const bn_model* model, size_t n_ctx, int32_t kv) BN_NOEXCEPT;
BN_API const char* bn_session_error(const bn_session* session) BN_NOEXCEPT;
/* The status that the last of the calls below gave, for those that return something else. */
BN_API bn_status bn_session_status(const bn_session* session) BN_NOEXCEPT;

BN_API size_t bn_session_capacity(const bn_session* session) BN_NOEXCEPT; /* n_ctx */
BN_API size_t bn_session_position(const bn_session* session) BN_NOEXCEPT; /* tokens in the KV cache */

/* Forget every position from n_positions on (n_positions <= position); the logits become invalid. */
BN_API bn_status bn_session_rewind(bn_session* session, size_t n_positions) BN_NOEXCEPT;

/* Run n_tokens through the model from the current position on. Logits of the last one can be had only if
 * want_logits is not 0. Give long prompts in slices of 64 or so to stay responsive (multiples of 16 are the fastest):
 * any slicing gives the same bits. BN_CONTEXT_FULL leaves everything as it was. */
BN_API bn_status bn_session_prefill(bn_session* session, const int32_t* tokens, size_t n_tokens,
                                    int32_t want_logits) BN_NOEXCEPT;
/* One step: one token in, with logits. */
BN_API bn_status bn_session_decode(bn_session* session, int32_t token) BN_NOEXCEPT;

/* float32 [n_vocab], not normalised, of the whole head, which is computed when it is first asked for; NULL when there
 * are none (bn_session_error says why). Valid until the next prefill, decode, rewind. */
BN_API const float* bn_session_logits(bn_session* session) BN_NOEXCEPT;

/* ---- Saved sessions -------------------------------------------------------------------------------------------- */

/* The KV cache as a sequence of chunks, to go on another day without running the conversation again; the next logits
 * have the same bits. A session of any n_ctx and any number of ranks takes them, of the same model and precision.
 * docs/decisions/0062-saved-sessions.md has the format.
 *
 * How many bytes a chunk of n_positions has, at most about 1 MiB; 0 past the last one. That of chunk 0 is always the
 * same. */
BN_API size_t bn_session_chunk_bytes(const bn_session* session, size_t n_positions, size_t index) BN_NOEXCEPT;
/* Write a chunk of the first n_positions to `chunk`. Chunks go together as long as these positions hold the same
 * tokens; there may be more of them meanwhile. With several ranks each of them gets the whole chunk. */
BN_API bn_status bn_session_save(bn_session* session, size_t n_positions, size_t index, uint8_t* chunk,
                                 size_t n_bytes) BN_NOEXCEPT;
/* Take a chunk, from index 0 on, which makes the session forget what it had. `chunk` is overwritten; with several ranks
 * that of rank 0 counts. The last one runs the last token once more, to see whether this model comes to the same. After
 * a failure the session is empty, and can be used: BN_BAD_FILE for damage, BN_UNSUPPORTED for a session of another
 * model, precision or version, BN_CONTEXT_FULL for one that is longer than n_ctx. */
BN_API bn_status bn_session_restore(bn_session* session, size_t index, uint8_t* chunk, size_t n_bytes) BN_NOEXCEPT;
/* How many positions the session has whose chunks are arriving: known after chunk 0; 0 again after the last. */
BN_API size_t bn_session_restoring(const bn_session* session) BN_NOEXCEPT;
/* The ids in the KV cache, bn_session_position of them. Valid until the next call that changes the session. */
BN_API const int32_t* bn_session_tokens(const bn_session* session) BN_NOEXCEPT;

/* ---- Sampling ---------------------------------------------------------------------------------------------------- */

/* temperature 0 is greedy (ties: lowest id). top_k 0, top_p 1, min_p 0 and repeat_penalty 1 switch those off.
 * Order: repetition penalty over the last repeat_last_n tokens, top_k, temperature, top_p, min_p, draw. */
BN_API bn_status bn_session_set_sampling(bn_session* session, float temperature, int32_t top_k, float top_p,
                                         float min_p, float repeat_penalty, int32_t repeat_last_n,
                                         uint64_t seed) BN_NOEXCEPT;
/* Choose the next token from the current logits. The model does not move: decode(token) does. With temperature 0 or a
 * top_k, a screened head computes only the rows that can be chosen; bn_session_scored tells how many the last choice
 * needed (n_vocab: all of them). */
BN_API bn_status bn_session_sample(bn_session* session, int32_t* token) BN_NOEXCEPT;
BN_API size_t bn_session_scored(const bn_session* session) BN_NOEXCEPT;
/* Natural logarithm of a token's probability under the current logits, before any sampling setting. */
BN_API bn_status bn_session_logprob(bn_session* session, int32_t token, float* logprob) BN_NOEXCEPT;
/* The k most probable tokens, best first; *n is min(k, n_vocab). */
BN_API bn_status bn_session_top(bn_session* session, size_t k, int32_t* ids, float* logprobs, size_t* n) BN_NOEXCEPT;

/* ---- Inspection ------------------------------------------------------------------------------------------------- */

/* How many weights of a tensor are -1, 0 and +1, over all ranks; `tensor` is its place among the info's tensors.
 * Stage 2. The largest takes a few milliseconds. BN_UNSUPPORTED for one that is not ternary. */
BN_API bn_status bn_model_count_weights(bn_model* model, size_t tensor, uint64_t counts[3]) BN_NOEXCEPT;

/* What a rank holds in memory: BN_MEMORY_HEADER is metadata and tensor table, BN_MEMORY_SCRATCH what a session needs
 * beside its KV cache. */
enum {
  BN_MEMORY_WEIGHTS = 0,
  BN_MEMORY_SCREEN = 1,
  BN_MEMORY_VOCABULARY = 2,
  BN_MEMORY_HEADER = 3,
  BN_MEMORY_KV_CACHE = 4,
  BN_MEMORY_SCRATCH = 5,
  BN_N_MEMORY_PARTS = 6
};
/* Bytes of the model and of this session, [n_ranks][BN_N_MEMORY_PARTS]. */
BN_API bn_status bn_session_memory(bn_session* session, uint64_t* bytes) BN_NOEXCEPT;

/* Called during prefill and decode with every intermediate result, in the order of computation: its name, the
 * layer (-1 outside of layers), the token's place in the call's batch, and n elements of type BN_F32, BN_I8 or
 * BN_I32. Names of a matrix product are those of its tensor with a suffix: "attn_q.input" (float32),
 * "attn_q.quantised" (int8) and "attn_q.sums" (int32: exact ternary sums) for I2_S, "attn_q.output" (float32, with its
 * scale and bias). Others: "embedding", "attn_norm", "rope.q", "rope.k", "attention", "attn_sub_norm", "ffn_norm",
 * "gate", "ffn_sub_norm", "layer" (the residual stream after a layer), "output_norm", "logits". With several ranks,
 * "output" and "logits" come when logits are asked for. Null switches it off.
 */
enum { BN_F32 = 0, BN_I8 = 1, BN_I32 = 2 };
typedef void (*bn_tap_fn)(void* user, const char* name, int32_t layer, size_t token, int32_t type, const void* data,
                          size_t n);
BN_API bn_status bn_session_set_tap(bn_session* session, bn_tap_fn tap, void* user) BN_NOEXCEPT;

/* ---- Benchmark ----------------------------------------------------------------------------------------------------
 */

/* Run only kernels that one token decoded here needs, once each, on the session's scratch memory: any of the matrices
 * of the layers, attention over the positions so far, and the output head (its screen, where it has one). Positions and
 * KV cache stay as they are, the logits become invalid. The caller holds the clock. */
enum { BN_LAYER_MATRICES = 1, BN_ATTENTION = 2, BN_HEAD = 4 };
BN_API bn_status bn_session_run_kernels(bn_session* session, int32_t parts) BN_NOEXCEPT;

#ifdef __cplusplus
}
#endif
#endif
