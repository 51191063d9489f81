import { describe, expect, test } from 'vitest';
import { withClaimSelector } from './claim-selector.ts';
import type { Planned } from './plan.ts';

const SELECTOR = 'mac.rock-os.io/allocation-selector';
const ALLOCATION = 'mac.rock-os.io/allocation';

function aPlan(...nics: readonly string[]): Planned {
  return {
    ok: true,
    plan: { addressRequests: nics.map((nic) => ({ nic })), networks: new Map(), warnings: [], patch: () => [] },
  };
}

describe('a plan', () => {
  test.each([
    ['without the annotation', undefined],
    ['with other annotations', { [ALLOCATION]: 'gateway' }],
    ['with an empty selector', { [SELECTOR]: ' ' }],
  ])('%s stays as it is', (_, annotations) => {
    const planned = aPlan('eth0');
    expect(withClaimSelector(planned, annotations, { isNew: true })).toBe(planned);
  });

  test('gets the selector for all its interfaces, without the space around it', () => {
    const planned = withClaimSelector(aPlan('eth0', 'eth1'), { [SELECTOR]: ' app in (a,b) ' }, { isNew: true });
    expect(planned).toMatchObject({ ok: true, plan: { selector: 'app in (a,b)' } });
  });

  test.each([
    ['a claim is named too', aPlan('eth0'), { [SELECTOR]: 'a=b', [ALLOCATION]: 'gateway' }, /cannot be combined/],
    ['it is longer than a path should be', aPlan('eth0'), { [SELECTOR]: 'a'.repeat(1_025) }, /longer than 1024/],
    ['there is no interface', aPlan(), { [SELECTOR]: 'a=b' }, /no interface for it/],
  ])('is refused if %s', (_, planned, annotations, message) => {
    expect(withClaimSelector(planned, annotations, { isNew: true })).toMatchObject({
      ok: false,
      refusal: { code: 422, message: expect.stringMatching(message) as string },
    });
  });

  test('of an update is refused only if it has a new interface', () => {
    const both = { [SELECTOR]: 'a=b', [ALLOCATION]: 'gateway' };
    expect(withClaimSelector(aPlan(), both, { isNew: false })).toMatchObject({ ok: true });
    expect(withClaimSelector(aPlan('eth1'), both, { isNew: false })).toMatchObject({ ok: false });
  });

  test('that was refused before stays refused', () => {
    const refused: Planned = { ok: false, refusal: { code: 422, reason: 'Invalid', message: 'two networks' } };
    expect(withClaimSelector(refused, { [SELECTOR]: 'a=b' }, { isNew: true })).toBe(refused);
  });
});
