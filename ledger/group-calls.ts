/** A call for one item that waits for its group. */
interface Waiter<I, O> {
  readonly item: I;
  readonly resolve: (output: O) => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * Returns a function for one item that sends the items of concurrent calls together: while one group is under way, the next
 * one collects. So a lone call waits for nobody, and many calls cost few statements. If a group fails, all its calls fail.
 *
 * @param send returns one output for each item, in their order
 * @param limit the largest group
 */
export function groupCalls<I, O>(
  send: (items: readonly I[]) => Promise<readonly O[]>,
  limit: number,
): (item: I) => Promise<O> {
  const waiting: Waiter<I, O>[] = [];
  let running = false;

  async function sendGroup(group: readonly Waiter<I, O>[]): Promise<void> {
    try {
      const outputs = await send(group.map(({ item }) => item));
      if (outputs.length !== group.length) {
        throw new Error(`${group.length} items were sent, and ${outputs.length} outputs came back`);
      }
      group.forEach(({ resolve }, index) => {
        resolve(outputs[index] as O);
      });
    } catch (error) {
      for (const { reject } of group) reject(error);
    }
  }

  async function run(): Promise<void> {
    running = true;
    // Calls of the same turn of the event loop belong together.
    await Promise.resolve();
    while (waiting.length > 0) await sendGroup(waiting.splice(0, limit));
    running = false;
  }

  return async (item) =>
    await new Promise<O>((resolve, reject) => {
      waiting.push({ item, resolve, reject });
      if (!running) void run();
    });
}
