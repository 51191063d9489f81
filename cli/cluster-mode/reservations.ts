import { listEachKey } from '../../ledger/reservations/ledger-source.ts';
import type { ReservationSource } from '../../ledger/reservations/reservation-watch.ts';
import type { ListFilters, ListQuery } from '../backend.ts';
import { UserError } from '../errors.ts';
import { explainErrors } from './explain-kube-error.ts';
import { type LedgerReader, ReadApiUnavailable } from './ledger-reader.ts';
import { listFromLedger, listFromObjects } from './list-addresses.ts';
import { auditOfLedger } from './read-ledger.ts';
import type { Scope } from './scope.ts';
import { withoutReadApi } from './without-read-api.ts';

/**
 * Returns where the reservations of a cluster are read: the read API, or the MacAllocations for users who may not use it. For others
 * it is an error if it does not answer, or is not found while its operator is away: the file would lose the devices of the ledger.
 */
export function reservationsOfCluster(filters: ListFilters, reader: LedgerReader, scope: Scope): ReservationSource {
  const query: ListQuery = { ...filters, sortBy: 'mac', limit: Number.MAX_SAFE_INTEGER };
  const explained = explainErrors(scope);
  // Only MacAllocations have labels.
  const isAboutObjects = query.labels !== undefined;
  let isNoted = false;
  const noteOnce = (message: string) => {
    if (!isNoted) scope.notify(`Note: without the ledger's read API (${message}) only MacAllocations are exported.`);
    isNoted = true;
  };
  const unlessForbidden = async <T>(read: () => Promise<T>, otherwise: () => T | Promise<T>): Promise<T> => {
    if (isAboutObjects) return await otherwise();
    try {
      return await read();
    } catch (error) {
      if (!(error instanceof ReadApiUnavailable)) throw error;
      if (!error.forbidden) throw UserError.from(withoutReadApi('The export', error));
      noteOnce(error.message);
      return await otherwise();
    }
  };
  return {
    list: explained(() =>
      unlessForbidden(
        () =>
          listEachKey(async (term) => {
            const metadata = [...(query.metadata ?? []), term];
            return (await listFromLedger({ ...query, metadata }, reader, scope)).items;
          }),
        async () => (await listFromObjects(query, scope)).items,
      ),
    ),
    lastChange: explained(() =>
      unlessForbidden<number | undefined>(
        async () => (await auditOfLedger({ limit: 1 }, reader)).lines[0]?.id ?? 0,
        () => undefined,
      ),
    ),
    changesAfter: explained(async (afterId, limit) =>
      unlessForbidden(
        async () => (await auditOfLedger({ afterId, limit }, reader)).lines,
        () => [],
      ),
    ),
  };
}
