import type { StoredPod } from './stored-pod.ts';

/** The status of one container. */
export interface ContainerState {
  readonly ready: boolean;
  readonly restartCount: number;
  /** Absent while it runs. */
  readonly exitCode?: number;
}

export type PodPhase = 'Pending' | 'Running' | 'Succeeded' | 'Failed';

/** Returns the status that a kubelet writes, with the fields that controllers use. */
export function podStatus(
  { spec }: StoredPod,
  now: {
    readonly ip: string;
    readonly phase: PodPhase;
    readonly ready: boolean;
    readonly states: ReadonlyMap<string, ContainerState>;
    readonly at: Date;
  },
): Record<string, unknown> {
  const { ip, phase, ready, states } = now;
  const at = now.at.toISOString();
  const condition = (type: string, is: boolean) => ({ type, status: is ? 'True' : 'False', lastTransitionTime: at });
  const listed = (containers: StoredPod['spec']['containers']) =>
    containers.flatMap(({ name, image }) => {
      const state = states.get(name);
      return state === undefined ? [] : [{ name, image, imageID: image, ...containerStatus(state, at) }];
    });
  return {
    phase,
    podIP: ip,
    podIPs: [{ ip }],
    conditions: [
      condition('PodScheduled', true),
      condition('Initialized', phase !== 'Pending'),
      condition('ContainersReady', ready),
      condition('Ready', ready),
    ],
    initContainerStatuses: listed(spec.initContainers),
    containerStatuses: listed(spec.containers),
  };
}

function containerStatus({ ready, restartCount, exitCode }: ContainerState, at: string) {
  const state = exitCode === undefined ? { running: { startedAt: at } } : { terminated: { exitCode, finishedAt: at } };
  return { ready, restartCount, state };
}
