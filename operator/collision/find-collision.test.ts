import { describe, expect, test } from 'vitest';
import type { UserElsewhere } from '../../ledger/observation/users-elsewhere.ts';
import { mac } from '../../mac/mac-address.ts';
import { findCollision, type LocalUser } from './find-collision.ts';

function pod(name: string, more: Partial<LocalUser> = {}): LocalUser {
  return { kind: 'Pod', namespace: 'web', name, uid: name, nic: 'net1', segment: '', ...more };
}

function instance(name: string, migrations?: readonly string[]): LocalUser {
  return pod(name, { kind: 'VirtualMachineInstance', migrations, migratesAcross: migrations !== undefined });
}

function elsewhere(more: Partial<UserElsewhere> = {}): UserElsewhere {
  return {
    mac: mac('02:00:00:00:00:01'),
    cluster: 'south',
    kind: 'Pod',
    name: 'x',
    segment: '',
    migrates: false,
    ...more,
  };
}

function namesOf(...args: Parameters<typeof findCollision>) {
  const found = findCollision(...args);
  return found && [found.scope, ...found.users.map(({ name }) => name)];
}

describe('the users of one address', () => {
  test('collide if there are two', () => {
    expect(namesOf([pod('a')], [])).toBeUndefined();
    expect(namesOf([pod('a'), pod('b')], [])).toEqual(['namespace', 'a', 'b']);
    expect(namesOf([pod('a'), pod('b', { namespace: 'db' })], [])).toEqual(['cluster', 'a', 'b']);
    expect(namesOf([pod('a')], [elsewhere()])).toEqual(['ledger', 'a']);
    expect(namesOf([pod('a'), pod('a', { nic: 'net2' })], [])).toEqual(['object', 'a', 'a']);
  });

  test('collide only within a segment', () => {
    expect(namesOf([pod('a', { segment: 'x' }), pod('b')], [])).toBeUndefined();
    expect(namesOf([pod('a', { segment: 'x' }), pod('b'), pod('c')], [])).toEqual(['namespace', 'b', 'c']);
    expect(namesOf([pod('a', { segment: 'x' })], [elsewhere()])).toBeUndefined();
    // The ledger does not know where an owner is.
    expect(namesOf([pod('a', { segment: 'x' })], [elsewhere({ segment: undefined })])).toEqual(['ledger', 'a']);
  });

  test('are one guest if they name one migration, and two if one names none', () => {
    expect(namesOf([instance('a', ['m']), instance('b', ['n', 'm'])], [])).toBeUndefined();
    expect(namesOf([instance('a', ['m']), instance('b', ['n'])], [])).toEqual(['namespace', 'a', 'b']);
    expect(namesOf([instance('a', ['m']), instance('b')], [])).toEqual(['namespace', 'a', 'b']);
    expect(namesOf([instance('a', ['m']), pod('b')], [])).toEqual(['namespace', 'a', 'b']);
  });

  test('in two clusters are one guest if both migrate, or if a machine owns the address there', () => {
    const there = { kind: 'VirtualMachineInstance', migrates: true };
    expect(namesOf([instance('a', ['m'])], [elsewhere(there)])).toBeUndefined();
    expect(namesOf([instance('a', ['m'])], [elsewhere({ kind: 'VirtualMachine' })])).toBeUndefined();
    expect(namesOf([instance('a')], [elsewhere(there)])).toEqual(['ledger', 'a']);
    // After a migration from node to node the guest is still its own.
    const moved = { ...instance('a', ['m']), migratesAcross: false };
    expect(namesOf([moved], [elsewhere(there)])).toEqual(['ledger', 'a']);
    expect(namesOf([moved], [elsewhere({ kind: 'VirtualMachine' })])).toEqual(['ledger', 'a']);
    expect(namesOf([instance('a', ['m']), pod('b')], [elsewhere(there)])).toEqual(['ledger', 'a', 'b']);
    expect(namesOf([instance('a', ['m'])], [elsewhere()])).toEqual(['ledger', 'a']);
  });

  test('are found in a moment, however many there are', () => {
    const users = Array.from({ length: 50_000 }, (_, index) => pod(`p${String(index)}`));
    const started = performance.now();
    expect(findCollision(users, [])?.users).toHaveLength(50_000);
    expect(performance.now() - started).toBeLessThan(2_000);
  });
});
