import { type Controller, createController, type Reconcile } from '../../kube/controller/controller.ts';
import type { BackoffOptions } from '../../time/backoff.ts';
import type { OperatorDeps } from './dependencies.ts';
import type { Source } from './sources.ts';

/** How many keys one controller reconciles at a time. A reconcile mostly waits for the API server or the ledger. */
const CONCURRENCY = 8;

/**
 * As `CONCURRENCY`, for pods, VMs and their mirrors. Their calls to the ledger share statements with others of the same time,
 * so more at once cost less. The client has 64 connections to the API server.
 */
export const GROUPED_CONCURRENCY = 32;

/** Delays between failed reconciles. `maxMs` bounds how long after an outage the last object is still outdated. */
const BACKOFF: BackoffOptions = { baseMs: 50, maxMs: 15_000 };

/** Describes a controller: what it watches, which keys an event enqueues, and how it reconciles one key. */
export interface ControllerSpec {
  readonly name: string;
  readonly watches: readonly Watch[];
  readonly reconcile: Reconcile;
  /** Keys to reconcile once at the start, without an event. */
  readonly initialKeys?: readonly string[];
  /** Default 8. */
  readonly concurrency?: number;
  /** Default 50 ms to 15 s. */
  readonly backoff?: BackoffOptions;
}

/** Subscribes a controller to one source. */
export type Watch = (enqueue: (key: string) => void) => void;

/** Returns a watch that enqueues the keys which `keysOf` returns for each event of the source. */
export function watch<E>(source: Source<E>, keysOf: (event: E) => readonly string[]): Watch {
  return (enqueue) => {
    source.subscribe((event) => {
      for (const key of keysOf(event)) enqueue(key);
    });
  };
}

/** Creates the controller of a spec and subscribes it to its sources. The controller is not started. */
export function wireController(spec: ControllerSpec, deps: Pick<OperatorDeps, 'logger' | 'metrics'>): Controller {
  const { name, watches, reconcile, initialKeys = [], concurrency = CONCURRENCY, backoff = BACKOFF } = spec;
  const controller = createController({
    name,
    reconcile,
    concurrency,
    backoff,
    logger: deps.logger,
    metrics: deps.metrics.controller,
  });
  for (const subscribe of watches) {
    subscribe((key) => {
      controller.enqueue(key);
    });
  }
  for (const key of initialKeys) controller.enqueue(key);
  return controller;
}
