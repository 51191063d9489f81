import { expect, test } from 'vitest';
import { handsOverTo, receiverTarget, transferTarget } from './transfer-target.ts';

const annotated = (value: string) => ({ 'mac.rock-os.io/transfer-to': value });

test.each([['new/web'], ['new/web.with-dots']])('%j names one object', (value) => {
  const [namespace, name] = value.split('/');
  expect(transferTarget(annotated(value))).toEqual({ namespace, name });
});

test.each([[''], ['web'], ['/web'], ['new/'], ['new/web/x']])('%j names none', (value) => {
  expect(transferTarget(annotated(value))).toBeUndefined();
});

test('an object hands over to the one that it names, and to no other', () => {
  expect(handsOverTo(annotated('new/web'), { namespace: 'new', name: 'web' })).toBe(true);
  expect(handsOverTo(annotated('new/web'), { namespace: 'old', name: 'web' })).toBe(false);
  expect(handsOverTo(annotated('new/web'), { namespace: 'new', name: 'web-2' })).toBe(false);
  expect(handsOverTo(undefined, { name: '' })).toBe(false);
});

test.each([
  ['new/desk', { namespace: 'new', name: 'desk' }],
  ['berlin/new/desk', { cluster: 'berlin', namespace: 'new', name: 'desk' }],
])('%j names one receiver', (asked, target) => {
  expect(receiverTarget(annotated(asked))).toEqual({ ...target, asked });
});

test.each(['', 'desk', '/desk', 'new/', '/new/desk', 'a/b/new/desk', `new/${'x'.repeat(600)}`])(
  '%j names no receiver',
  (value) => {
    expect(receiverTarget(annotated(value))).toBeUndefined();
  },
);

test('without the annotation there is no receiver', () => {
  expect(receiverTarget(undefined)).toBeUndefined();
});
