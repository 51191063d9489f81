/** An amount that requests share. A request that needs more than is free waits. Requests are served in their order. */
export interface Budget {
  /**
   * Takes a part of the budget and returns the function that puts it back. Returns `undefined` if the part is not free
   * within `waitMs` milliseconds, and at once if `amount` is more than the whole budget.
   */
  take(amount: number, waitMs: number): Promise<(() => void) | undefined>;
}

interface Waiter {
  readonly amount: number;
  readonly start: () => void;
}

export function createBudget(total: number): Budget {
  let free = total;
  const waiters: Waiter[] = [];

  function startWaiters(): void {
    for (;;) {
      const [first] = waiters;
      if (first === undefined || first.amount > free) return;
      waiters.shift();
      free -= first.amount;
      first.start();
    }
  }

  function putBack(amount: number): () => void {
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      free += amount;
      startWaiters();
    };
  }

  return {
    take: async (amount, waitMs) => {
      if (amount > total) return undefined;
      return await new Promise((resolve) => {
        const timer = setTimeout(() => {
          waiters.splice(waiters.indexOf(waiter), 1);
          resolve(undefined);
          // The large waiter that timed out may have blocked smaller ones behind it.
          startWaiters();
        }, waitMs);
        const waiter: Waiter = {
          amount,
          start: () => {
            clearTimeout(timer);
            resolve(putBack(amount));
          },
        };
        waiters.push(waiter);
        startWaiters();
      });
    },
  };
}
