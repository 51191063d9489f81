import type {
  About,
  ActionKind,
  ActionPlan,
  ActionResult,
  AddressDetails,
  AuditEntries,
  AuditFilter,
  ClusterView,
  HistoryPoint,
  LedgerView,
  Neighbour,
  PoolView,
  SearchHit,
  StateBytes,
} from '../../api/console.ts';
import type { MacAddress } from '../../mac/mac-address.ts';
import type { ParsedAction } from './parameters.ts';

/**
 * What the console shows, with the rights of its user: of a ledger, or of the API of a cluster. Throws like the methods of
 * Backend: a UserError for what the user can mend, a LedgerError while the ledger does not answer. Where a user lacks a
 * right, or the read API is missing, `about` names the part and the method returns what MacAllocations and MacPools have.
 */
export interface ConsoleData {
  about(): Promise<About>;
  /** Returns the pools in the order of their ranges. */
  pools(): Promise<PoolView[]>;
  /** Returns the hours of the last `sinceDays` days, the oldest first. */
  history(pool: string, sinceDays: number): Promise<HistoryPoint[]>;
  /** Returns one byte for each of `count` addresses from `first` on: at most MAX_MAP_COUNT. Those in which the text is found have the bit FOUND. */
  map(first: MacAddress, count: number, search?: string): Promise<StateBytes>;
  /** Finds a MAC in any notation or a part of one, or a part of a name or of a value of metadata. */
  search(text: string, limit: number): Promise<SearchHit[]>;
  /** Returns `undefined` for an address that never had a row in the ledger. */
  address(mac: MacAddress): Promise<AddressDetails | undefined>;
  /** Returns the addresses around one, itself included, in their order: 8 on each side, without leaving its pool. */
  neighbours(mac: MacAddress): Promise<Neighbour[]>;
  /** Returns the newest entries first; with `afterId` the oldest first, and waits for one. */
  audit(filter: AuditFilter, signal?: AbortSignal): Promise<AuditEntries>;
  clusters(): Promise<ClusterView[]>;
  ledgerState(): Promise<LedgerView | undefined>;
}

/** The changes that a user of the console can make. */
export interface ConsoleActions {
  /** Returns the kinds of actions that the user may do with a pool or an address. */
  allowed(subject: { readonly pool: string; readonly mac?: MacAddress | undefined }): Promise<ActionKind[]>;
  /** Returns what an action is and what it will do, without doing it. */
  plan(action: ParsedAction): Promise<ActionPlan>;
  act(action: ParsedAction): Promise<ActionResult>;
}

export interface ConsoleSource extends ConsoleData {
  readonly actions: ConsoleActions;
  close(): Promise<void>;
}
