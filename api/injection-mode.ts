import { LABELS } from './names.ts';
import { OPT_IN_LABEL_VALUES, OPT_OUT_LABEL_VALUES } from './opt-in.ts';

/** Which objects get addresses: those that opted in, or all that did not opt out. Pods and machines have a mode each. */
export const INJECTION_MODES = ['opt-in', 'opt-out'] as const;
export type InjectionMode = (typeof INJECTION_MODES)[number];

export interface InjectionModes {
  readonly pods: InjectionMode;
  readonly virtualMachines: InjectionMode;
}

/**
 * OpenShift labels the projects of its control plane and its network with the run-levels 0 and 1, and says that nothing which
 * relies on admission works there (OpenShift Container Platform, "Working with projects"). Their pods start before all others, so
 * they never wait for a webhook. The short label is that of the example in the Kubernetes API ("MutatingWebhook",
 * `namespaceSelector`), which kubemacpool and others use too.
 */
const RUN_LEVELS = ['openshift.io/run-level', 'runlevel'] as const;
const FIRST_RUN_LEVELS = ['0', '1'] as const;

/** A requirement of a label selector, as Kubernetes writes it. */
export interface LabelRequirement {
  readonly key: string;
  readonly operator: 'In' | 'NotIn';
  readonly values: readonly string[];
}

/** Returns what the labels of a namespace must meet so that its objects get addresses without an annotation of their own. */
export function selectedNamespaces(mode: InjectionMode): readonly LabelRequirement[] {
  if (mode === 'opt-in') return [{ key: LABELS.inject, operator: 'In', values: OPT_IN_LABEL_VALUES }];
  return [
    { key: LABELS.inject, operator: 'NotIn', values: OPT_OUT_LABEL_VALUES },
    ...RUN_LEVELS.map((key) => ({ key, operator: 'NotIn' as const, values: FIRST_RUN_LEVELS })),
  ];
}

/** Returns selectors of all other namespaces. Each of them meets exactly one, because a selector has no "or". */
export function otherNamespaces(mode: InjectionMode): readonly (readonly LabelRequirement[])[] {
  const selected = selectedNamespaces(mode);
  return selected.map((requirement, index) => [...selected.slice(0, index), opposite(requirement)]);
}

function opposite({ key, operator, values }: LabelRequirement): LabelRequirement {
  return { key, operator: operator === 'In' ? 'NotIn' : 'In', values };
}

/** Returns whether a namespace with these labels is selected. */
export function isSelectedNamespace(labels: Readonly<Record<string, string>>, mode: InjectionMode): boolean {
  return selectedNamespaces(mode).every(({ key, operator, values }) => {
    const value = labels[key];
    return (value !== undefined && values.includes(value)) === (operator === 'In');
  });
}

/** Returns CEL that is true in a selected namespace. A match condition cannot use it, because it does not know the namespace. */
export function isSelectedNamespaceExpression(mode: InjectionMode): string {
  const expressions = selectedNamespaces(mode).map(({ key, operator, values }) => {
    const isIn = `namespaceObject.metadata.?labels[?'${key}'].orValue('') in [${values.map((value) => `'${value}'`).join(', ')}]`;
    return operator === 'In' ? isIn : `!(${isIn})`;
  });
  return `(${expressions.join(' && ')})`;
}
