import type { KubeObject } from '../../kube/client/objects.ts';
import type { Change } from '../../kube/controller/object-cache.ts';
import { createReflector, type Reflector, type ReflectorOptions } from '../../kube/controller/reflector.ts';

/** Emits events that lead to reconciles: a cache of stored objects, or a trigger that other code fires. */
export interface Source<E> {
  readonly subscribe: (handler: (event: E) => void) => void;
}

/** A source whose events come from the operator's own code, like a channel source in controller-runtime. */
export interface Trigger<E> extends Source<E> {
  readonly fire: (event: E) => void;
}

export function createTrigger<E>(): Trigger<E> {
  const handlers: ((event: E) => void)[] = [];
  return {
    subscribe: (handler) => {
      handlers.push(handler);
    },
    fire: (event) => {
      for (const handler of handlers) handler(event);
    },
  };
}

/** A local copy of all objects of one kind, which reports every change to its subscribers. */
export interface Cache<T extends KubeObject>
  extends Source<Change<T>>, Pick<Reflector<T>, 'start' | 'stop' | 'hasSynced' | 'get' | 'list' | 'by' | 'listAgain'> {}

/** Creates a cache, not started. Subscribers must be added before it starts, because they see only later changes. */
export function createCache<T extends KubeObject>(options: Omit<ReflectorOptions<T>, 'onChange'>): Cache<T> {
  const changes = createTrigger<Change<T>>();
  return Object.assign(createReflector<T>({ ...options, onChange: changes.fire }), { subscribe: changes.subscribe });
}
