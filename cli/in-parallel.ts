/** Runs `work` for every item, at most `limit` at a time. Returns the results in the order of the items. */
export async function inParallel<I, O>(
  items: readonly I[],
  limit: number,
  work: (item: I) => Promise<O>,
): Promise<readonly O[]> {
  const results: O[] = [];
  const queue = items.entries();
  const runners = Array.from({ length: limit }, async () => {
    for (const [index, item] of queue) results[index] = await work(item);
  });
  await Promise.all(runners);
  return results;
}
