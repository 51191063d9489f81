import { expect, test } from 'vitest';
import { auditQueryOf } from './audit-query.ts';

const NOW = new Date('2026-01-31T12:00:00Z');

test('an address may be in any notation', () => {
  expect(auditQueryOf({ target: 'A458.0F05.0001' }, NOW)).toMatchObject({
    mac: 'a4:58:0f:05:00:01',
    device: undefined,
  });
});

test('anything else is a device', () => {
  expect(auditQueryOf({ target: 'gateway' }, NOW)).toMatchObject({ mac: undefined, device: 'gateway' });
});

test('a period ends now', () => {
  expect(auditQueryOf({ since: '1h' }, NOW).since).toBe('2026-01-31T11:00:00.000Z');
  expect(auditQueryOf({ since: 'ever' }, NOW).since).toBeUndefined();
});
