import { describe, expect, test } from 'vitest';
import {
  isAlreadyExists,
  isConflict,
  isForbidden,
  isGone,
  isInvalid,
  isNotFound,
  isTransient,
  KubeConnectionError,
  KubeDecodeError,
  KubeError,
  kubeErrorFromResponse,
  kubeErrorFromStatus,
} from './errors.ts';

const status = (fields: object): string => JSON.stringify({ kind: 'Status', apiVersion: 'v1', ...fields });

describe('the error of a response', () => {
  test('contains the content of the Status', () => {
    const body = status({
      message: 'pods "a" is forbidden',
      reason: 'Forbidden',
      code: 403,
      details: {
        name: 'a',
        kind: 'pods',
        causes: [{ reason: 'FieldValueInvalid', message: 'no', field: 'spec.a' }],
        retryAfterSeconds: 3,
      },
    });
    expect(kubeErrorFromResponse(403, body)).toMatchObject({
      status: 403,
      reason: 'Forbidden',
      message: 'pods "a" is forbidden',
      retryAfterSeconds: 3,
      details: { name: 'a', kind: 'pods', causes: [{ reason: 'FieldValueInvalid', message: 'no', field: 'spec.a' }] },
    });
  });

  test('takes Retry-After from the header before the Status', () => {
    const body = status({ code: 429, details: { retryAfterSeconds: 3 } });
    expect(kubeErrorFromResponse(429, body, '7').retryAfterSeconds).toBe(7);
    expect(kubeErrorFromResponse(429, body, 'Wed, 21 Oct 2026 07:28:00 GMT').retryAfterSeconds).toBe(3);
    expect(kubeErrorFromResponse(429, 'Too many requests', '1').retryAfterSeconds).toBe(1);
  });

  test('quotes only the beginning of a response that is not a Status', () => {
    const error = kubeErrorFromResponse(502, `<html>${'x'.repeat(10_000)}`);
    expect(error.message).toMatch(/^the API server responded with 502: <html>x+$/);
    expect(error.message.length).toBeLessThan(300);
    expect(kubeErrorFromResponse(404, '').message).toBe('the API server responded with 404');
  });

  test('reads a Status without a message, and causes that are null', () => {
    const error = kubeErrorFromResponse(410, status({ reason: 'Expired', code: 410, details: { causes: null } }));
    expect(error.message).toBe('the API server responded with 410 Expired');
  });
});

describe('the error of a watch event', () => {
  test('takes the code of the Status', () => {
    const error = kubeErrorFromStatus({ kind: 'Status', code: 410, reason: 'Expired', message: 'too old' });
    expect(isGone(error)).toBe(true);
  });

  test('is undefined when the object is not a Status', () => {
    expect(kubeErrorFromStatus({ kind: 'Pod' })).toBeUndefined();
  });
});

describe('the predicates', () => {
  const error = (code: number, reason = ''): KubeError => new KubeError({ status: code, reason, message: 'no' });

  test('distinguish the statuses', () => {
    expect(isNotFound(error(404))).toBe(true);
    expect(isForbidden(error(403))).toBe(true);
    expect(isInvalid(error(422))).toBe(true);
    expect(isNotFound(error(403))).toBe(false);
    expect(isNotFound(new Error('404'))).toBe(false);
    expect(isNotFound(undefined)).toBe(false);
  });

  test('distinguish a conflict from an existing name', () => {
    expect(isConflict(error(409, 'Conflict'))).toBe(true);
    expect(isAlreadyExists(error(409, 'Conflict'))).toBe(false);
    expect(isConflict(error(409, 'AlreadyExists'))).toBe(false);
    expect(isAlreadyExists(error(409, 'AlreadyExists'))).toBe(true);
  });

  test('call only temporary failures transient', () => {
    expect([408, 429, 500, 502, 503, 504].every((code) => isTransient(error(code)))).toBe(true);
    expect([400, 401, 403, 404, 409, 410, 422].some((code) => isTransient(error(code)))).toBe(false);
    expect(isTransient(new KubeConnectionError('gone', { code: 'ECONNRESET', sent: true }))).toBe(true);
    expect(isTransient(new KubeDecodeError('odd'))).toBe(false);
    expect(isTransient(new Error('a bug of ours'))).toBe(false);
  });
});
