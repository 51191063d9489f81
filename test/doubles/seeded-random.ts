import { createHash } from 'node:crypto';

/** Returns random numbers from 0 to 1 that depend on the seed alone, so a failure can be repeated. */
export function randomFrom(seed: number | string): () => number {
  let step = 0;
  return () => {
    step++;
    return (
      createHash('sha256')
        .update(`${String(seed)}/${String(step)}`)
        .digest()
        .readUInt32BE() /
      2 ** 32
    );
  };
}
