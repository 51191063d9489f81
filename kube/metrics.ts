/*
 * What this room can tell about itself. The interfaces are hooks: who runs the process decides what they feed,
 * and there is no registry here. Every hook is optional and must not throw.
 */

export interface ClientMetrics {
  /** One attempt ended; `status` is the HTTP status, or the code of the connection error. */
  request?(attempt: { method: string; resource: string; status: string; durationMs: number }): void;
  /** An attempt failed and will be repeated after `delayMs`. */
  retry?(retry: { method: string; resource: string; status: string; delayMs: number }): void;
  /** The connection pool was made anew, since credentials changed or the old one was suspected dead. */
  reconnect?(reason: ReconnectReason): void;
}

export type ReconnectReason = 'credentials' | 'timeout';

export interface ReflectorMetrics {
  /** The list or the watch failed, or ended for a reason worth counting, and is started again. */
  restarted?(restart: { resource: string; reason: string }): void;
  /** How many objects are kept. */
  stored?(stored: { resource: string; objects: number }): void;
}

export interface QueueMetrics {
  /** Keys that wait to be worked on, without those that are put off. */
  depth?(queue: { name: string; depth: number }): void;
  /** A key was taken up, this long after it became due. */
  waited?(item: { name: string; durationMs: number }): void;
}

export interface ControllerMetrics extends QueueMetrics {
  /** One reconcile ended. */
  reconciled?(run: { name: string; outcome: 'success' | 'requeue' | 'error'; durationMs: number }): void;
}

export interface LeaderMetrics {
  leading?(election: { name: string; leading: boolean }): void;
}

export interface EventMetrics {
  /** An Event was not delivered: the API server refused it, or too many waited. */
  dropped?(event: { reason: 'refused' | 'overflow' }): void;
}
