import { z } from 'zod';
import type { LedgerObject, SealObject } from '../../api/ledger-view.ts';
import { LEDGER_GROUP, LEDGER_VERSION } from '../../api/names.ts';
import { macPrefix } from '../../mac/mac-range.ts';
import { type Queryable, queryOne } from '../connection/statement.ts';
import { schemaVersion } from '../migrate.ts';
import { type LedgerPrefix, listPrefixes } from '../pool/prefixes.ts';
import { type Seal, type SealState, sealState } from '../seal/seal-list.ts';
import { type LedgerState, ledgerState } from '../state/state.ts';
import { wholeSeconds } from './address-view.ts';

/** The state of a ledger, of its seals and of its Postgres. */
export interface LedgerView {
  readonly state: LedgerState;
  readonly prefixes: readonly LedgerPrefix[];
  readonly seals: SealState;
  readonly schemaVersion: number;
  /** As Postgres writes it, such as `18.1`. */
  readonly postgresVersion: string;
}

/** Reads them in a few statements. */
export async function readLedgerView(db: Queryable): Promise<LedgerView> {
  const { version } = await schemaVersion(db);
  const { postgres } = await queryOne(db, {
    text: `select current_setting('server_version') as postgres`,
    values: [],
    row: z.object({ postgres: z.string() }),
  });
  return {
    state: await ledgerState(db),
    prefixes: await listPrefixes(db),
    seals: await sealState(db),
    schemaVersion: version,
    postgresVersion: postgres,
  };
}

const API_VERSION = `${LEDGER_GROUP}/${LEDGER_VERSION}`;

/** Returns the object of the read API for the ledger. Its name is the id of the ledger. */
export function encodeLedger({ state, prefixes, seals, schemaVersion, postgresVersion }: LedgerView): LedgerObject {
  const { last } = seals;
  return {
    apiVersion: API_VERSION,
    kind: 'Ledger',
    metadata: { name: state.ledgerId },
    prefixes: prefixes.map(({ addedAt, ...prefix }) => ({ ...prefix, addedAt: addedAt.toISOString() })),
    epoch: state.epoch,
    mode: state.mode,
    durability: state.durability,
    closed: state.closed?.message,
    expiryHeld: state.expiryHeld?.message,
    waitsFor: state.missingClusters.map(({ name }) => name),
    needsApproval: state.needsApproval,
    auditHead: state.auditHead,
    unsealed: seals.unsealed,
    forks: seals.forks,
    lastSeal: last && { seq: last.seq, sealedAt: last.sealedAt.toISOString(), hash: last.hash },
    schemaVersion,
    postgresVersion,
  };
}

/** Returns the prefixes of a ledger from its object in the read API. */
export function decodePrefixes({ prefixes }: LedgerObject): LedgerPrefix[] {
  return prefixes.map(({ prefix, addedAt, ...rest }) => ({
    ...rest,
    prefix: macPrefix(prefix),
    addedAt: new Date(addedAt),
  }));
}

/** Returns the object of the read API for a seal. Its name is its number. */
export function encodeSeal({ seq, sealedAt, ...seal }: Seal): SealObject {
  const metadata = { name: String(seq), creationTimestamp: wholeSeconds(sealedAt) };
  return { apiVersion: API_VERSION, kind: 'Seal', metadata, ...seal, sealedAt: sealedAt.toISOString() };
}
