// One rank: fills its part of every row, exchanges, and counts the bytes that are not what their owner wrote.

import { Exchange } from "../exchange.js";

const AT = 64; // where the rows begin in memory
const byteAt = (turn, i) => (31 * turn + i * 7 + (i >> 8)) & 0xff;

addEventListener("message", ({ data: { shared, rank, nRanks, shapes } }) => {
  const heap = new Uint8Array(AT + Math.max(...shapes.map(([nRows, rowBytes]) => nRows * rowBytes)));
  const exchange = new Exchange(shared, rank, nRanks, () => heap);
  let nWrong = 0;
  shapes.forEach(([nRows, rowBytes], turn) => {
    const [begin, end] = [rank, rank + 1].map((edge) => Math.floor((rowBytes * edge) / nRanks));
    heap.fill(0xee);
    for (let row = 0; row < nRows; row++)
      for (let i = row * rowBytes + begin; i < row * rowBytes + end; i++) heap[AT + i] = byteAt(turn, i);
    nWrong += exchange.gather(0, AT, nRows, rowBytes, begin, end);
    for (let i = 0; i < nRows * rowBytes; i++) nWrong += Number(heap[AT + i] !== byteAt(turn, i));
  });
  postMessage(nWrong);
});
