import { describe, expect, test } from 'vitest';
import { type AddressUser, conflictMessage } from './conflict-message.ts';

function pod(name: string, namespace = 'web'): AddressUser {
  return { kind: 'Pod', namespace, name };
}

const NEXT = 'Give one of them another address';

describe('the message of a conflict', () => {
  test('names an object of the same namespace', () => {
    expect(conflictMessage([pod('two')], 'web')).toBe(`Pod web/two also uses this address. ${NEXT}`);
  });

  test('counts objects of other namespaces and does not name them', () => {
    const message = conflictMessage([pod('two'), pod('project-x', 'secret'), pod('project-y', 'secret')], 'web');
    expect(message).toBe(`Pod web/two, 2 objects of other namespaces also use this address. ${NEXT}`);
    expect(conflictMessage([pod('project-x', 'secret')], 'web')).toBe(
      `1 object of other namespaces also uses this address. ${NEXT}`,
    );
  });

  test('names an object once that has the address on many interfaces', () => {
    expect(conflictMessage(Array<AddressUser>(200).fill(pod('two')), 'web')).toBe(
      `Pod web/two also uses this address. ${NEXT}`,
    );
  });

  test('stays short, however many objects there are and however long their names', () => {
    const users = Array.from({ length: 500 }, (_, index) => pod(`${'x'.repeat(249)}-${String(index)}`));
    const message = conflictMessage(users, 'web');
    expect(message).toContain('497 other objects of this namespace');
    expect(message.length).toBeLessThanOrEqual(1_024);
  });
});
