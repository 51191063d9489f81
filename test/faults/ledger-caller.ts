/**
 * A process that allocates and releases addresses until it is killed, with 16 requesters on one allocator. Each line
 * that it writes is a fact that a client knows at that moment. The soak test compares them with the ledger.
 *
 * node test/faults/ledger-caller.ts URL POOL NAME FIRST
 */
import { randomInt } from 'node:crypto';
import { writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AddressRef } from '../../ledger/address/address-ref.ts';
import type { AllocationOutcome, AllocationRequest } from '../../ledger/address/allocate.ts';
import { createAllocator } from '../../ledger/address/allocator.ts';
import { release } from '../../ledger/address/release.ts';
import { openLedger } from '../../ledger/connection/connect.ts';
import { isLedgerError } from '../../ledger/errors.ts';
import { type MacAddress, numberToMac } from '../../mac/mac-address.ts';

const [url = '', pool = '', name = '', first = ''] = process.argv.slice(2);
const db = openLedger({ url, applicationName: name, max: 4, statementTimeoutMs: 2_000, connectTimeoutMs: 1_000 });
const allocator = createAllocator({ db, leaseSeconds: 120 });

/** Synchronous, so a fact written before a kill arrives. */
function report(fact: Record<string, unknown>): void {
  writeSync(1, `${JSON.stringify({ ...fact, at: Date.now() })}\n`);
}

/** Retries with the same key until there is a result, as every client must. */
async function requestUntilDone(request: AllocationRequest): Promise<AllocationOutcome> {
  for (;;) {
    try {
      return await allocator.allocate(request, { deadlineMs: 1_500 });
    } catch (error) {
      if (!isLedgerError(error) || !error.retryable) throw error;
      report({ fact: 'error', code: error.code });
    }
  }
}

async function releaseAddress(item: AddressRef): Promise<void> {
  for (;;) {
    try {
      const [result] = await release(db, [item], { force: true, actor: name, reason: 'done' });
      if (result?.outcome === 'released') report({ fact: 'released', ...item });
      // A late retry must change nothing, because the address may have its next owner.
      setTimeout(
        () => void release(db, [item], { force: true, actor: name, reason: 'late' }).catch(() => undefined),
        150,
      );
      return;
    } catch (error) {
      if (!isLedgerError(error) || !error.retryable) throw error;
      await sleep(50);
    }
  }
}

function anyAddress(): MacAddress {
  return numberToMac(Number(first) + randomInt(48));
}

async function requestForever(waiter: number): Promise<never> {
  for (let turn = 0; ; turn++) {
    const key = `${name}/${String(waiter)}/${String(turn)}`;
    const state = randomInt(8) === 0 ? 'reserved' : 'active';
    const requested = randomInt(4) === 0 ? anyAddress() : undefined;
    const result = await requestUntilDone({
      key,
      pool,
      state,
      requested,
      device: { id: name },
      requester: name,
      actor: name,
    });
    if (result.outcome !== 'allocated' && result.outcome !== 'replayed') {
      await sleep(randomInt(20, 60));
      continue;
    }
    const item = { mac: result.mac, generation: result.generation, key };
    report({ fact: 'got', ...item, until: result.expiresAt?.toISOString() });
    await sleep(randomInt(30));
    report({ fact: 'releasing', ...item });
    await releaseAddress(item);
  }
}

await Promise.all(Array.from({ length: 16 }, (_, waiter) => requestForever(waiter)));
