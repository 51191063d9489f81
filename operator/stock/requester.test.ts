import { describe, expect, test } from 'vitest';
import type { TokenSubject } from '../../api/admission-token.ts';
import { readStockToken, signStockToken, type StockClaims } from '../../api/stock-token.ts';
import type { AddressRow } from '../../ledger/address/address-row.ts';
import { mac } from '../../mac/mac-address.ts';
import type { WorkloadAddress } from '../live/live-address.ts';
import { podWorkload } from '../live/pod.ts';
import type { Workload } from '../live/workload.ts';
import { findRequester, hasTokenOfCreation, isOfStock } from './requester.ts';

const MAC = mac('a4:58:0f:05:00:01');
const OTHER = mac('a4:58:0f:05:00:02');
const KEY = Buffer.from('k'.repeat(32));
const FILLED = new Date('2026-11-30T09:00:00Z');
const ANSWERED = new Date('2026-11-30T10:00:00Z');

const owner = { clusterId: 'c1', kind: 'Pod', namespace: 'web', name: 'web-x', uid: 'u1', nic: 'web/blue#0' };
const webhook = { clusterId: 'c1', kind: 'Webhook', namespace: '', name: 'rock-mac-webhook-1', uid: 'h1', nic: '' };
const row: AddressRow = {
  mac: MAC,
  pool: 'kubernetes',
  state: 'stocked',
  generation: 1,
  key: 'stock/f1/1',
  origin: 'allocate',
  observed: false,
  owner: webhook,
  metadata: {},
  allocatedAt: FILLED,
  changedAt: FILLED,
  requester: 'rock-mac-webhook',
  actor: 'rock-mac-webhook',
  reason: 'stock',
};
const claims: StockClaims = { requester: 'bob', at: ANSWERED.toISOString(), addresses: { 'web/blue#0': MAC } };
const subject = { ...owner, generateName: '' };
const valid = signStockToken(subject, claims, KEY);
const tokenWith = (changes: Partial<StockClaims>) => signStockToken(subject, { ...claims, ...changes }, KEY);

function aPodWith(text: string | undefined, generateName = ''): WorkloadAddress {
  const metadata = { namespace: 'web', name: 'web-x', uid: 'u1', resourceVersion: '1' };
  const stockToken = text === undefined ? undefined : { text, generateName };
  const workload = { metadata, nics: [{ nic: owner.nic, mac: MAC }], uses: [MAC], stockToken };
  return { mac: MAC, owner, stockToken, workload, kind: podWorkload() };
}

const stockTokens = { read: (token: string, of: TokenSubject) => Promise.resolve(readStockToken(token, of, [KEY])) };

function find(address: WorkloadAddress, changes: Partial<AddressRow> = {}) {
  return findRequester(address, { ...row, ...changes }, { stockTokens });
}

describe('an address of a stock', () => {
  test('is of the user whom the token of its pod names', async () => {
    expect(await find(aPodWith(valid))).toBe('bob');
    const generated = signStockToken({ ...owner, name: '', generateName: 'web-' }, claims, KEY);
    expect(await find(aPodWith(generated, 'web-'))).toBe('bob');
  });

  test.each<[string, Partial<AddressRow>]>([
    ['was returned', { state: 'released' }],
    ['was set aside at a failover', { state: 'orphaned', origin: 'replication-gap' }],
  ])('that %s is too', async (_, changes) => {
    expect(await find(aPodWith(valid), changes)).toBe('bob');
  });

  test.each<[string, string | undefined]>([
    ['no token', undefined],
    ['what is no token', 'v1.x.y'],
    ['a token of another namespace', signStockToken({ ...subject, namespace: 'x' }, claims, KEY)],
    ['a token of another name', signStockToken({ ...subject, name: 'x' }, claims, KEY)],
    ['a token of another cluster', signStockToken({ ...subject, clusterId: 'c2' }, claims, KEY)],
    ['a token that another key signed', signStockToken(subject, claims, Buffer.from('x'.repeat(32)))],
    ['a token for another interface', tokenWith({ addresses: { 'web/green#1': MAC } })],
    ['a token for another address', tokenWith({ addresses: { 'web/blue#0': OTHER } })],
    ['a token that is older than the stock', tokenWith({ at: '2026-11-30T08:54:00Z' })],
    ['a token without a time', tokenWith({ at: '' })],
    ['a token with a requester that the ledger cannot store', tokenWith({ requester: 'b\0b' })],
  ])("is nobody's on a pod with %s", async (_, token) => {
    expect(await find(aPodWith(token))).toBeUndefined();
  });

  test("is nobody's on a pod with a copied token that the webhook was not asked about", async () => {
    const address = aPodWith(valid);
    const workload = { ...address.workload, skippedAdmission: true };
    expect(await find({ ...address, workload })).toBeUndefined();
  });

  test('is of its pod although the clock of the webhook is behind that of the ledger', async () => {
    expect(await find(aPodWith(tokenWith({ at: '2026-11-30T08:56:00Z' })))).toBe('bob');
  });
});

describe('an address of which the ledger has lost that it was given', () => {
  const has = (text: string | undefined, created: string | undefined, changes: Partial<Workload> = {}) => {
    const address = aPodWith(text);
    const metadata = { ...address.workload.metadata, ...(created !== undefined && { creationTimestamp: created }) };
    return hasTokenOfCreation({ ...address, workload: { ...address.workload, metadata, ...changes } }, { stockTokens });
  };

  test('is proven by the token that its pod was created with', async () => {
    expect(await has(valid, '2026-11-30T10:00:01Z')).toBe(true);
    expect(await has(valid, '2026-11-30T09:56:00Z')).toBe(true);
  });

  test.each<[string, string | undefined, string | undefined]>([
    ['no token', undefined, '2026-11-30T10:00:00Z'],
    ['a token of another address', tokenWith({ addresses: { 'web/blue#0': OTHER } }), '2026-11-30T10:00:00Z'],
    ['a token of another name', signStockToken({ ...subject, name: 'x' }, claims, KEY), '2026-11-30T10:00:00Z'],
    ['a token of an earlier pod of its name', valid, '2026-11-30T10:06:00Z'],
    ['a token without a time', tokenWith({ at: '' }), '2026-11-30T10:00:00Z'],
    ['a token, and without the time of its creation', valid, undefined],
  ])('is not proven on a pod with %s', async (_, token, created) => {
    expect(await has(token, created)).toBe(false);
  });

  test('is not proven on a pod with a token that the webhook was not asked about', async () => {
    expect(await has(valid, '2026-11-30T10:00:00Z', { skippedAdmission: true })).toBe(false);
  });
});

test('a stock is known by its owner, its key and its cluster', () => {
  const address = aPodWith(undefined);
  expect(isOfStock(row, address)).toBe(true);
  expect(isOfStock({ ...row, owner }, address)).toBe(true); // the second answer for it
  expect(isOfStock({ ...row, owner: { ...owner, namespace: 'x' } }, address)).toBe(false);
  expect(isOfStock({ ...row, key: 'object/c1/u1' }, address)).toBe(false);
  expect(isOfStock({ ...row, owner: { ...webhook, clusterId: 'c2' } }, address)).toBe(false);
});
