import { describe, expect, test } from 'vitest';
import { type AddressUser, conflictMessage } from './conflict-message.ts';

function pod(name: string, namespace = 'web'): AddressUser {
  return { kind: 'Pod', namespace, name };
}

const NEXT = 'Give one of them another address';

/** No user but those that a test is about. */
const NOBODY = { own: 0, elsewhere: 0, outside: 0 };

describe('the message of a conflict', () => {
  test('names an object of the same namespace', () => {
    expect(conflictMessage([pod('two')], { ...NOBODY, own: 1 })).toBe(`Pod web/two also uses this address. ${NEXT}`);
  });

  test('counts objects of other namespaces and clusters, and does not name them', () => {
    expect(conflictMessage([pod('two')], { own: 1, elsewhere: 2, outside: 1 })).toBe(
      `Pod web/two, 2 objects of other namespaces, 1 user outside of this cluster also use this address. ${NEXT}`,
    );
    expect(conflictMessage([], { ...NOBODY, elsewhere: 1 })).toBe(
      `1 object of other namespaces also uses this address. ${NEXT}`,
    );
  });

  test('stays short, however many objects there are and however long their names', () => {
    const users = Array.from({ length: 100 }, (_, index) => pod(`${'x'.repeat(249)}-${String(index)}`));
    const message = conflictMessage(users, { ...NOBODY, own: 100 });
    expect(message).toContain('97 other objects of this namespace');
    expect(message.length).toBeLessThanOrEqual(1_024);
  });

  test('is the same for any large number of objects, so it is not written again for each of them', () => {
    const first = [pod('one'), pod('two'), pod('three')];
    const message = conflictMessage(first, { own: 500, elsewhere: 500, outside: 500 });
    expect(message).toContain(
      'more than 100 other objects of this namespace, more than 100 objects of other namespaces',
    );
    expect(message).toBe(conflictMessage(first, { own: 501, elsewhere: 8_192, outside: 10_000 }));
  });
});
