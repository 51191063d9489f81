import { pino } from 'pino';
import { expect, test } from 'vitest';
import { RELEASE_FINALIZER } from '../../api/names.ts';
import { stickyClaimName } from '../../api/sticky-claim-name.ts';
import type { KubeClient } from '../../kube/client/client.ts';
import { mac } from '../../mac/mac-address.ts';
import { type ClaimCandidate, createClaimAnswers } from './answer-from-claims.ts';
import type { StickyClaim } from './sticky-claim.ts';

const MACS = { eth0: mac('a4:58:0f:05:00:01'), eth1: mac('a4:58:0f:05:00:02') };
type Nic = keyof typeof MACS;

const CREATED = '2026-11-30T09:00:00Z';

const nameOf = (nic: string) => stickyClaimName({ kind: 'Pod', name: 'web-0', nic });

function claimOf(nic: Nic): StickyClaim {
  return {
    metadata: {
      name: nameOf(nic),
      uid: 'u',
      resourceVersion: '1',
      creationTimestamp: CREATED,
      finalizers: [RELEASE_FINALIZER],
    },
    spec: { stickyFor: { kind: 'Pod', name: 'web-0', nic }, mac: MACS[nic], ledger: { clusterId: 'c' } },
  };
}

/** An API server that answers reads of claims like this. */
function answersWith(find: (name: string) => Promise<StickyClaim | undefined>) {
  let reads = 0;
  const client = {
    find: (_: unknown, { name }: { readonly name: string }) => {
      reads++;
      return find(name);
    },
  } as unknown as Pick<KubeClient, 'find'>;
  const deps = { client, clusterId: 'c', now: () => 0, logger: pino({ enabled: false }) };
  return { answer: createClaimAnswers(deps), reads: () => reads };
}

function stored(...nics: readonly Nic[]) {
  return answersWith((name) => Promise.resolve(nics.filter((nic) => nameOf(nic) === name).map(claimOf)[0]));
}

function candidate(requests: ClaimCandidate['requests']): ClaimCandidate {
  const object = { kind: 'Pod', namespace: 'web', name: 'web-0' } as const;
  return { object, requests, terms: { since: new Date(CREATED) } };
}

const byName = (nic: string) => ({ nic, sticky: { claim: nameOf(nic) } });

test('an object gets the addresses of its claims, in the order of its interfaces', async () => {
  const { answer } = stored('eth0', 'eth1');
  expect(await answer(candidate([byName('eth1'), byName('eth0')]))).toEqual([MACS.eth1, MACS.eth0]);
});

test('a virtual machine gets none, because its guest may have migrated elsewhere, and nothing is read', async () => {
  const { answer, reads } = stored('eth0');
  const object = { kind: 'VirtualMachine', namespace: 'web', name: 'web-0' } as const;
  expect(await answer({ ...candidate([byName('eth0')]), object })).toBeUndefined();
  expect(reads()).toBe(0);
});

test('an object with an interface that has no claim yet gets none', async () => {
  const { answer } = stored('eth0');
  expect(await answer(candidate([byName('eth0'), byName('eth1')]))).toBeUndefined();
});

test('an object that also needs an address of the usual kind is not answered, and nothing is read', async () => {
  const { answer, reads } = stored('eth0', 'eth1');
  expect(await answer(candidate([byName('eth0'), { nic: 'eth1' }]))).toBeUndefined();
  expect(reads()).toBe(0);
});

test('an object that writes the address of its claim has it, and one that writes another is not answered', async () => {
  const { answer } = stored('eth0', 'eth1');
  const written = { nic: 'eth0', requested: MACS.eth0 };
  expect(await answer(candidate([written, byName('eth1')]))).toEqual([MACS.eth0, MACS.eth1]);
  expect(await answer(candidate([{ ...written, requested: MACS.eth1 }]))).toBeUndefined();
  expect(await answer(candidate([{ ...written, claim: 'mine' }]))).toBeUndefined();
});

test('an API server that does not answer leaves the object to wait', async () => {
  const { answer } = answersWith(() => Promise.reject(new Error('timeout')));
  expect(await answer(candidate([byName('eth0')]))).toBeUndefined();
});

test('reads beyond the limit are not sent, so that nobody can flood the API server', async () => {
  const { answer, reads } = stored('eth0');
  const names = Array.from({ length: 1_000 }, (_, index) => `none-${String(index)}`);
  await Promise.all(names.map((nic) => answer(candidate([byName(nic)]))));
  expect(reads()).toBe(600);
  expect(await answer(candidate([byName('eth0')]))).toBeUndefined();
});
