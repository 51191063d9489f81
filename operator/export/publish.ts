import { Buffer } from 'node:buffer';
import { configMaps } from '../../kube/client/core-resources.ts';
import { getOrUndefined } from '../../kube/client/uncached-read.ts';
import { renderReservations } from '../../ledger/reservations/formats.ts';
import { ledgerReservations } from '../../ledger/reservations/ledger-source.ts';
import { type HeldAddress, reservationsOf, RESERVING_STATES } from '../../ledger/reservations/reservation.ts';
import { createReservationWatch } from '../../ledger/reservations/reservation-watch.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';
import type { ReservationsExport } from './exports.ts';

export type ExporterDeps = Pick<OperatorDeps, 'client' | 'ledger' | 'logger' | 'events' | 'systemNamespace'>;

/** A ConfigMap has at most 1 MiB (https://kubernetes.io/docs/concepts/configuration/configmap/), with its names. */
const MAX_BYTES = 1_000_000;

const FIELD_MANAGER = 'rock-mac-export';

/**
 * Returns a function that brings a ConfigMap up to date with the ledger. Call it every few seconds: it does nothing without a
 * change. Once a minute it also corrects what somebody else changed.
 */
export function createExporter(
  { configMap: name, format, key, pools: pool, type: deviceType }: ReservationsExport,
  { client, ledger, logger, events, systemNamespace: namespace }: ExporterDeps,
  now: () => number,
): () => Promise<void> {
  const watch = createReservationWatch(ledgerReservations(ledger, { pool, deviceType, states: RESERVING_STATES }), now);
  let notesBefore = '';
  /** What the ConfigMap must have. It stays until that is written. */
  let due: string | undefined;

  function render(addresses: readonly HeldAddress[]): string {
    const { reservations, notes } = reservationsOf(addresses);
    const [problem] = notes;
    if (problem !== undefined && notes.join('\n') !== notesBefore) {
      logger.warn({ name, problem, count: notes.length }, 'reservations are left out of a ConfigMap');
    }
    notesBefore = notes.join('\n');
    return renderReservations(format, reservations).text;
  }

  async function publish(text: string): Promise<void> {
    const stored = await getOrUndefined(configMaps, { namespace, name }, client);
    if (stored?.data?.[key] === text) return;
    if (Buffer.byteLength(text) > MAX_BYTES) {
      const note = `The reservations have ${String(Buffer.byteLength(text))} bytes, and a ConfigMap at most ${String(MAX_BYTES)}. It stays as it was: choose fewer pools in operator.exports, or run \`rock-mac export --follow\` beside the server.`;
      logger.error({ name, problem: note }, 'a ConfigMap cannot hold the reservations');
      if (stored !== undefined) {
        const target = { apiVersion: 'v1', kind: 'ConfigMap', metadata: stored.metadata };
        events.record(target, { type: 'Warning', reason: 'ExportTooLarge', action: 'Export', note });
      }
      return;
    }
    const body = { metadata: { namespace, name }, data: { [key]: text } };
    await client.patch(
      configMaps,
      { namespace, name },
      { type: 'apply', body, force: true },
      { fieldManager: FIELD_MANAGER },
    );
    logger.info({ name }, 'reservations published');
  }

  return async () => {
    const addresses = await watch.next();
    if (addresses !== undefined) due = render(addresses);
    if (due === undefined) return;
    await publish(due);
    due = undefined;
  };
}
