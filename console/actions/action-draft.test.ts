import { expect, test } from 'vitest';
import { actionOf, emptyDraft, heldReleases, type Subject } from './action-draft.ts';

const POOL = { pool: 'docker', description: '', first: 'a4:58:0f:05:00:00', last: 'a4:58:0f:05:00:ff', paused: false };
const NOTHING = { device: '', last: '', count: '' };
const MAC = 'a4:58:0f:05:00:01';

function subject(kind: Subject['kind'], more: Partial<Subject> = {}): Subject {
  return { kind, pool: POOL, ...more };
}

test.each([
  ['active', false],
  ['reserved', true],
  ['orphaned', true],
])('the release of an address that is %s has force: %s', (state, force) => {
  const address = { mac: MAC, pool: 'docker', state, next: '', generation: 7 };
  const action = { kind: 'release', mac: MAC, generation: 7, force };
  expect(actionOf(subject('release', { mac: MAC, address }), NOTHING)).toEqual(action);
});

test('a reservation needs a device', () => {
  expect(actionOf(subject('reserve'), { ...NOTHING, device: ' ' })).toBeUndefined();
  expect(actionOf(subject('reserve'), { ...NOTHING, device: ' gateway ' })).toMatchObject({ device: 'gateway' });
});

test('a pool grows to a later address in any notation, and never shrinks', () => {
  expect(actionOf(subject('grow'), { ...NOTHING, last: 'A458.0F05.01FF' })).toMatchObject({
    last: 'a4:58:0f:05:01:ff',
  });
  expect(actionOf(subject('grow'), { ...NOTHING, last: 'a4:58:0f:05:00:0f' })).toBeUndefined();
  expect(actionOf(subject('grow'), { ...NOTHING, last: 'soon' })).toBeUndefined();
  expect(emptyDraft(subject('grow')).last).toBe('a4:58:0f:05:01:ff');
});

test('a paused pool is resumed', () => {
  expect(actionOf(subject('pause'), NOTHING)).toMatchObject({ paused: true });
  expect(actionOf(subject('pause', { pool: { ...POOL, paused: true } }), NOTHING)).toMatchObject({ paused: false });
});

test('an approval begins with the number of releases that are held', () => {
  const condition = { type: 'AutoReleaseHeld', status: 'True', reason: 'TooMany', message: '120 of 400 addresses …' };
  const pool = { ...POOL, conditions: [condition] };
  expect(heldReleases(pool)).toBe(120);
  expect(actionOf(subject('approve', { pool }), emptyDraft(subject('approve', { pool })))).toMatchObject({
    count: 120,
  });
  expect(actionOf(subject('approve'), NOTHING)).toBeUndefined();
});
