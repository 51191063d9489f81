import { pino } from 'pino';
import { describe, expect, test } from 'vitest';
import { createManualClock } from '../../test/doubles/manual-clock.ts';
import type { KubeClient } from '../client/client.ts';
import { KubeError } from '../client/errors.ts';
import type { NewObject, Patch } from '../client/write.ts';
import { createEventRecorder, type EventTarget, type EventText } from './events.ts';

const target = (uid = '1'): EventTarget => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { namespace: 'fleet', name: 'prod-01', uid },
});
const text = (note = 'a4:58:0f:00:00:01'): EventText => ({
  type: 'Normal',
  reason: 'Allocated',
  action: 'Allocate',
  note,
});

/** Receives the requests of the recorder; `respond` decides how they end. */
function makeRecorder(respond: (signal?: AbortSignal) => Promise<unknown> = () => Promise.resolve()) {
  const clock = createManualClock();
  const created: NewObject[] = [];
  const patched: { name: string; body: unknown }[] = [];
  const dropped: string[] = [];
  const client = {
    create: async (_resource: unknown, object: NewObject, options?: { signal?: AbortSignal }) => {
      await respond(options?.signal);
      created.push(object);
    },
    patch: async (_resource: unknown, key: { name: string }, patch: Patch) => {
      await respond();
      patched.push({ name: key.name, body: patch.body });
    },
  };
  const recorder = createEventRecorder({
    // The response is not used.
    client: client as Partial<KubeClient> as KubeClient,
    controller: 'mac.rock-os.io/test',
    instance: 'pod-1',
    logger: pino({ level: 'silent' }),
    metrics: { dropped: ({ reason }) => dropped.push(reason) },
    clock,
  });
  return { clock, recorder, created, patched, dropped };
}

describe('an event recorder', () => {
  test('writes an Event about an object', async () => {
    const { clock, recorder, created } = makeRecorder();
    recorder.record(target(), text());
    await clock.advance(0);
    expect(created).toEqual([
      {
        metadata: { namespace: 'fleet', name: expect.stringMatching(/^prod-01\.[0-9a-f]{16}$/) as string },
        eventTime: '2030-01-01T00:00:00.000000Z',
        reportingController: 'mac.rock-os.io/test',
        reportingInstance: 'pod-1',
        regarding: { apiVersion: 'v1', kind: 'Pod', namespace: 'fleet', name: 'prod-01', uid: '1' },
        ...text(),
      },
    ]);
  });

  test('counts repetitions and writes the count periodically', async () => {
    const { clock, recorder, created, patched } = makeRecorder();
    for (let i = 0; i < 10; i++) {
      recorder.record(target(), text());
      await clock.advance(1_000);
    }
    expect(created).toHaveLength(1);
    expect(patched).toEqual([]);
    await clock.advance(30_000);
    expect(patched).toEqual([
      {
        name: created[0]?.metadata.name,
        body: { series: { count: 10, lastObservedTime: '2030-01-01T00:00:09.000000Z' } },
      },
    ]);
    await clock.advance(600_000);
    expect(patched).toHaveLength(1);
  });

  test('starts a new Event for another text, another object, or after a long pause', async () => {
    const { clock, recorder, created } = makeRecorder();
    recorder.record(target(), text());
    recorder.record(target(), text('other'));
    recorder.record(target('2'), text());
    await clock.advance(360_000);
    recorder.record(target(), text());
    await clock.advance(0);
    expect(created).toHaveLength(4);
  });

  test('keeps an Event about a cluster-scoped object in the default namespace', async () => {
    const { clock, recorder, created } = makeRecorder();
    recorder.record({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'n', uid: '1' } }, text());
    await clock.advance(0);
    expect(created[0]?.metadata.namespace).toBe('default');
  });

  test('truncates a long note by bytes, but not inside a character', async () => {
    const { clock, recorder, created } = makeRecorder();
    recorder.record(target(), text('\u00e4'.repeat(600)));
    recorder.record(target(), text(`x${'\u00e4'.repeat(600)}`));
    await clock.advance(0);
    for (const event of created) expect(Buffer.byteLength(String(event['note']))).toBeLessThanOrEqual(1024);
    expect(created).toHaveLength(2);
  });

  test('limits the Events of a flapping object to its budget', async () => {
    const { clock, recorder, created, dropped } = makeRecorder();
    for (let i = 0; i < 100; i++) recorder.record(target(), text(`note ${i}`));
    recorder.record(target('other'), text());
    await clock.advance(0);
    expect(created).toHaveLength(26);
    expect(dropped).toHaveLength(75);
    await clock.advance(300_000);
    recorder.record(target(), text('later'));
    await clock.advance(0);
    expect(created).toHaveLength(27);
  });

  test('drops Events that the server refuses or that exceed the limits, and never throws', async () => {
    const refused = makeRecorder(() => Promise.reject(new KubeError({ status: 403, message: 'terminating' })));
    refused.recorder.record(target(), text());
    await refused.clock.advance(0);
    expect(refused.dropped).toEqual(['refused']);

    const stuck = makeRecorder(() => new Promise(() => undefined));
    for (let i = 0; i < 600; i++) stuck.recorder.record(target(String(i)), text());
    await stuck.clock.advance(0);
    expect(stuck.dropped).toEqual(Array.from({ length: 99 }, () => 'overflow'));
  });

  test('delivers waiting Events and counts when it stops, and accepts no more', async () => {
    const { clock, recorder, created, patched } = makeRecorder();
    recorder.record(target(), text());
    recorder.record(target(), text());
    await recorder.stop();
    recorder.record(target('late'), text());
    expect(created).toHaveLength(1);
    expect(patched).toHaveLength(1);
    expect(clock.waiting).toBe(0);
  });

  test('stops in time when the API server does not respond', async () => {
    const { clock, recorder, dropped } = makeRecorder(
      (signal) =>
        new Promise((_resolve, reject) => {
          signal?.addEventListener('abort', () => {
            reject(new Error('enough'));
          });
        }),
    );
    recorder.record(target(), text());
    const stopping = recorder.stop();
    await clock.advance(3_000);
    await stopping;
    expect(dropped).toEqual(['refused']);
  });
});
