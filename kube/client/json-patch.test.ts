import { describe, expect, test } from 'vitest';
import { addFinalizer, pointer, removeFinalizer, setAnnotations, test as testOf } from './json-patch.ts';

const finalizer = 'mac.rock-os.io/release';
const guard = { op: 'replace', path: '/metadata/resourceVersion', value: '7' };

describe('a JSON pointer', () => {
  test('escapes tilde and slash, the tilde first', () => {
    expect(pointer('metadata', 'annotations', 'mac.rock-os.io/a~b')).toBe('/metadata/annotations/mac.rock-os.io~1a~0b');
    expect(pointer('spec', 'containers', 0)).toBe('/spec/containers/0');
    expect(pointer()).toBe('');
  });
});

describe('a patch of annotations', () => {
  test('adds the whole map if there is none', () => {
    expect(setAnnotations(undefined, { 'a/b': '1', c: '2', gone: undefined })).toEqual([
      { op: 'add', path: '/metadata/annotations', value: { 'a/b': '1', c: '2' } },
    ]);
  });

  test('changes only what differs', () => {
    const annotations = { keep: 'x', old: '1', same: '2' };
    expect(setAnnotations(annotations, { old: '9', same: '2' })).toEqual([
      { op: 'add', path: '/metadata/annotations/old', value: '9' },
    ]);
    expect(setAnnotations(annotations, { same: '2' })).toEqual([]);
  });

  test('removes an annotation only if it exists', () => {
    expect(setAnnotations({ 'a/b': '1' }, { 'a/b': undefined, c: undefined })).toEqual([
      { op: 'remove', path: '/metadata/annotations/a~1b' },
    ]);
    expect(setAnnotations(undefined, { c: undefined })).toEqual([]);
  });
});

describe('a test', () => {
  test('is an operation with the required value', () => {
    expect(testOf('/spec/running', true)).toEqual({ op: 'test', path: '/spec/running', value: true });
  });
});

describe('a patch of finalizers', () => {
  test('adds ours to the others, bound to the version that was read', () => {
    expect(addFinalizer({ metadata: { resourceVersion: '7', finalizers: ['x/y'] } }, finalizer)).toEqual([
      guard,
      { op: 'add', path: '/metadata/finalizers', value: ['x/y', finalizer] },
    ]);
    expect(addFinalizer({ metadata: { resourceVersion: '7' } }, finalizer)).toEqual([
      guard,
      { op: 'add', path: '/metadata/finalizers', value: [finalizer] },
    ]);
  });

  test('removes ours and keeps the others, bound to the version that was read', () => {
    const object = { metadata: { resourceVersion: '7', finalizers: ['x/y', finalizer, 'z'] } };
    expect(removeFinalizer(object, finalizer)).toEqual([
      guard,
      { op: 'add', path: '/metadata/finalizers', value: ['x/y', 'z'] },
    ]);
  });

  test('is empty when there is nothing to do', () => {
    expect(addFinalizer({ metadata: { resourceVersion: '7', finalizers: [finalizer] } }, finalizer)).toEqual([]);
    expect(removeFinalizer({ metadata: { resourceVersion: '7' } }, finalizer)).toEqual([]);
  });
});
