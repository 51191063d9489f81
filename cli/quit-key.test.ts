import { EventEmitter } from 'node:events';
import { expect, test } from 'vitest';
import { watchQuitKey } from './quit-key.ts';

class Keyboard extends EventEmitter {
  isTTY = true;
  isRaw = false;
  setRawMode(on: boolean) {
    this.isRaw = on;
    return this as never;
  }
  resume() {
    return this as never;
  }
  pause() {
    return this as never;
  }
}

test.each(['q', 'Q', '\x03', 'xq'])('the input %j quits', (keys) => {
  const keyboard = new Keyboard();
  const watched = watchQuitKey(keyboard as never);
  expect(keyboard.isRaw).toBe(true);
  keyboard.emit('data', Buffer.from('x'));
  expect(watched.signal.aborted).toBe(false);
  keyboard.emit('data', Buffer.from(keys));
  expect(watched.signal.aborted).toBe(true);
  watched.stop();
  expect(keyboard.isRaw).toBe(false);
  expect(keyboard.listenerCount('data')).toBe(0);
});

test('an input that is no terminal is left alone', () => {
  const keyboard = new Keyboard();
  keyboard.isTTY = false;
  const watched = watchQuitKey(keyboard as never);
  expect(keyboard.listenerCount('data')).toBe(0);
  watched.stop();
});
