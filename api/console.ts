import type { AddressObject, AuditEntryObject, PoolObject } from './ledger-view.ts';
import type { MapState } from './state-map.ts';

/*
 * The data of the console, as JSON. The server and the page come from one build, so the page parses nothing: it uses these
 * types. Moments are texts of ISO 8601 in UTC.
 */

/** What the token of a link becomes: a secret that the page sends with each call, beside the cookie. */
export interface SessionView {
  readonly secret: string;
}

/** Who is looking, at what, and which parts cannot be shown. */
export interface About {
  readonly mode: 'ledger' | 'cluster';
  /** `rock-mac` or `kubectl rock-mac`, for commands to copy. */
  readonly program: string;
  readonly user: string;
  /** The ledger without its password, or the context of the kubeconfig. */
  readonly place: string;
  /** The namespace of new claims. Absent in ledger mode. */
  readonly namespace?: string | undefined;
  readonly programVersion: string;
  readonly missing: readonly MissingPart[];
}

/** A part that this user cannot see, with the reason and the next step as one text each. */
export interface MissingPart {
  readonly part: 'addresses' | 'audit' | 'history' | 'clusters' | 'ledger';
  readonly why: string;
  readonly nextStep: string;
}

type Optional<T> = { readonly [K in keyof T]?: T[K] | undefined };
type PoolCounts = Omit<PoolObject, 'apiVersion' | 'kind' | 'metadata' | 'description' | 'first' | 'last' | 'paused'>;

/** A pool. Counts are absent if only the ledger knows them and it cannot be read. */
export interface PoolView extends Optional<PoolCounts> {
  readonly pool: string;
  readonly description: string;
  readonly first: string;
  readonly last: string;
  readonly paused: boolean;
  /** Released addresses whose reuse delay has not passed. */
  readonly waiting?: number | undefined;
  /** The address that was never used and is handed out next. Absent if there is none, and in a random pool. */
  readonly cursor?: string | undefined;
  readonly reuseDelaySeconds?: number | undefined;
  /** Absent: never. */
  readonly autoReleaseSeconds?: number | undefined;
  /** The conditions of the MacPool, in cluster mode. */
  readonly conditions?: readonly Condition[] | undefined;
}

export interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
  readonly since?: string | undefined;
}

/** One hour of a pool. Hours without a change may be absent. */
export interface HistoryPoint {
  /** The beginning of the hour. */
  readonly at: string;
  /** Held addresses at its end. */
  readonly held: number;
  /** Addresses that got a new owner during it. */
  readonly handedOut: number;
  readonly released: number;
}

/** The states of consecutive addresses, one byte each (MAP_STATES), with the bit FOUND where a text was found. */
export type StateBytes = Uint8Array;

export interface SearchHit {
  readonly mac: string;
  readonly pool: string;
  readonly state: string;
  /** Who holds it, or held it last. Empty if it never had an owner. */
  readonly holder: string;
  readonly cluster?: string | undefined;
  /** In what the text was found, and that value. */
  readonly found: 'address' | 'device' | 'owner' | 'consumer' | 'namespace' | 'cluster' | 'metadata';
  readonly value: string;
}

/** An address with everything that is known about it. A MacAllocation has only some of the fields. */
export type AddressDetails = Pick<AddressObject, 'pool' | 'state'> &
  Optional<Omit<AddressObject, 'apiVersion' | 'kind' | 'metadata' | 'pool' | 'state'>> & {
    readonly mac: string;
    /** By its U/L bit. */
    readonly administration?: 'universal' | 'local' | undefined;
    /** The holder of its block in IEEE's registry. */
    readonly vendor?: string | undefined;
    /** The live objects that use it without owning it. */
    readonly observedOn?: readonly ObservedObject[] | undefined;
    /** Sentences about two objects that use it. */
    readonly conflicts?: readonly string[] | undefined;
    /** What happens next, as a sentence, and when, if time decides. */
    readonly next: string;
    readonly nextAt?: string | undefined;
  };

export interface ObservedObject {
  readonly clusterId: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly nic: string;
  readonly since: string;
}

/** An address near another one. */
export interface Neighbour {
  readonly mac: string;
  readonly state: MapState;
  readonly holder: string;
}

export interface AuditFilter {
  readonly mac?: string | undefined;
  readonly device?: string | undefined;
  readonly pool?: string | undefined;
  readonly actor?: string | undefined;
  readonly action?: string | undefined;
  /** Only changes at or after this moment. */
  readonly since?: string | undefined;
  /** Only entries with a higher id, oldest first. Waits up to 20 s for one. */
  readonly afterId?: number | undefined;
  readonly limit: number;
}

export interface AuditEntries {
  readonly entries: readonly AuditEntryObject[];
  /** Whether the limit left out older ones. */
  readonly isCut: boolean;
  /** The id up to which every entry was read. Follow from here; entries of a first page with a higher id come again. */
  readonly reached?: number | undefined;
}

export interface ClusterView {
  readonly clusterId: string;
  readonly name: string;
  readonly registeredAt: string;
  readonly adoptedAt?: string | undefined;
  readonly lastResyncAt?: string | undefined;
  readonly retiredAt?: string | undefined;
  /** The last epoch in which it reported its addresses in use. */
  readonly reportedEpoch: number;
  /** Addresses that it holds, and those of them that are orphaned. */
  readonly addresses: number;
  readonly orphaned: number;
  readonly observed?: number | undefined;
  /** Objects that hold them. */
  readonly objects: number;
  /** Since when another control plane with its identity waits for a decision. */
  readonly sharedSince?: string | undefined;
}

export interface LedgerView {
  readonly ledgerId: string;
  /** What its addresses begin with. */
  readonly prefixes: readonly string[];
  readonly epoch: number;
  readonly mode: string;
  readonly durability: string;
  /** Why it hands out no addresses, with the next step. Absent while it does. */
  readonly closed?: string | undefined;
  /** Why nothing is released by time, with the next step. */
  readonly expiryHeld?: string | undefined;
  /** The names of clusters that a recovery waits for. */
  readonly waitsFor: readonly string[];
  readonly needsApproval: boolean;
  readonly auditHead: number;
  readonly schemaVersion?: number | undefined;
  readonly postgresVersion?: string | undefined;
  readonly seals: SealView;
}

export interface SealView {
  /** The number of the last seal. Absent before the first. */
  readonly seq?: number | undefined;
  readonly sealedAt?: string | undefined;
  readonly hash?: string | undefined;
  /** Rows of the audit that are in no seal. */
  readonly unsealed: number;
  readonly forks: number;
}

/** A change that a person can make in the console. */
export type ConsoleAction =
  | {
      readonly kind: 'release';
      readonly mac: string;
      /** The owner that the person saw. If another one has the address by then, nothing is done. */
      readonly generation: number;
      readonly force: boolean;
    }
  | {
      readonly kind: 'renew';
      readonly mac: string;
      readonly generation: number;
      readonly seconds?: number | undefined;
    }
  | { readonly kind: 'reserve'; readonly pool: string; readonly mac?: string | undefined; readonly device: string }
  | { readonly kind: 'approve'; readonly pool: string; readonly count: number }
  | { readonly kind: 'pause'; readonly pool: string; readonly paused: boolean }
  | { readonly kind: 'grow'; readonly pool: string; readonly last: string };

export type ActionKind = ConsoleAction['kind'];

/** What an action is, before it is done. */
export interface ActionPlan {
  /** The command that does the same. */
  readonly command: string;
  /** The change of a Kubernetes object as YAML. Absent in ledger mode. */
  readonly yaml?: string | undefined;
  /** Sentences about what will happen. */
  readonly effects: readonly string[];
}

/** `refused`: nothing was changed, and the message has the cause and the next step. */
export type ActionResult = { readonly kind: 'done' | 'refused'; readonly message: string };
