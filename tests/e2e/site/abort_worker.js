// Rank 0 comes to an exchange that the two other ranks have aborted: answers what it got, and the rank that it waited for in vain.

import { Exchange } from "../exchange.js";

const shared = new SharedArrayBuffer(Exchange.sharedBytes(3));
const heap = new Uint8Array(12);
const [rank0, rank1, rank2] = [0, 1, 2].map((rank) => new Exchange(shared, rank, 3, () => heap));
rank1.abort();
rank2.abort();
postMessage([rank0.gather(0, 0, 1, 12, 0, 4), rank0.lost]);
