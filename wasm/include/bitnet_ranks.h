/* bitnet_ranks.h: the exchange between ranks that are threads of one process. Of the native build only.
 *
 * Each thread makes a bn_model with its own rank, bn_ranks_exchange and its seat; then all of them make the same calls.
 * No thread is started here, and none is needed that the caller does not have.
 */
#ifndef BITNET_RANKS_H
#define BITNET_RANKS_H

#include "bitnet.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bn_ranks bn_ranks;

/* For 1 to 256 ranks; NULL for other numbers, and when there is no memory. Each rank keeps a copy of the largest part
 * that it has given, twice: exchanges allocate while those grow. */
BN_API bn_ranks* bn_ranks_new(uint32_t n_ranks) BN_NOEXCEPT;
BN_API void bn_ranks_free(bn_ranks* ranks) BN_NOEXCEPT; /* after the models that use it; NULL is allowed */

/* What bn_model_new takes as exchange_user of this rank, with bn_ranks_exchange as exchange; NULL for a rank that is
 * not there. */
BN_API void* bn_ranks_seat(bn_ranks* ranks, uint32_t rank) BN_NOEXCEPT;
BN_API int32_t bn_ranks_exchange(void* seat, void* data, size_t n_rows, size_t row_bytes, size_t begin,
                                 size_t end) BN_NOEXCEPT;

/* One rank has failed: exchanges of the others end with an error, those that wait and those to come. */
BN_API void bn_ranks_abort(bn_ranks* ranks) BN_NOEXCEPT;
/* Begin anew. No thread may be in an exchange. */
BN_API void bn_ranks_reset(bn_ranks* ranks) BN_NOEXCEPT;

#ifdef __cplusplus
}
#endif
#endif
