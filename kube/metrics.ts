/*
 * Metric hooks of this room. The process decides which metrics they feed, so there is no registry here.
 * Every hook is optional and must not throw.
 */

export interface ClientMetrics {
  /** An attempt ended; `status` is the HTTP status or the code of the connection error. */
  request?(attempt: { method: string; resource: string; status: string }): void;
  /** The connection pool was replaced, because credentials changed or its connections may be dead. */
  reconnect?(reason: ReconnectReason): void;
}

export type ReconnectReason = 'credentials' | 'timeout';

export interface ReflectorMetrics {
  /** The list or the watch failed and is restarted. */
  restarted?(restart: { resource: string; reason: string }): void;
  /** The number of cached objects. */
  stored?(stored: { resource: string; objects: number }): void;
}

export interface QueueMetrics {
  /** The number of keys that are due, without delayed ones. */
  depth?(queue: { name: string; depth: number }): void;
}

export interface ControllerMetrics extends QueueMetrics {
  /** A reconcile ended. */
  reconciled?(run: { name: string; outcome: 'success' | 'requeue' | 'error'; durationMs: number }): void;
}

export interface LeaderMetrics {
  leading?(election: { name: string; leading: boolean }): void;
}

export interface EventMetrics {
  /** An Event was dropped: the API server refused it, or too many were waiting. */
  dropped?(event: { reason: 'refused' | 'overflow' }): void;
}
