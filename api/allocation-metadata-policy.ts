import { allocationWrites, notTheOperator } from './allocation-writes.ts';
import { ALLOCATION_METADATA_POLICY, ANNOTATIONS } from './names.ts';
import { isReasonInCel, MAX_REASON_OCTETS } from './reason.ts';

/**
 * Characters of all labels and annotations of one MacAllocation. The operator keeps every MacAllocation in memory, and the
 * API server allows 256 KiB of annotations: 900 claims of that size once ended the operator by its memory limit. This is
 * four times what `kubectl apply` writes for a claim with the largest `spec.attributes` in use.
 */
const MAX_METADATA_CHARACTERS = 32_768;

/** Finalizers and owner references of one MacAllocation. rock-mac needs one of each. */
const MAX_METADATA_ENTRIES = 16;

/**
 * Returns the policy that bounds the metadata of MacAllocations. A CRD cannot do it: its rules see only the name. An update
 * of an object that is too large already passes when it adds nothing, so that its finalizer can still be removed.
 */
export function allocationMetadataPolicy(systemNamespace: string): Record<string, unknown> {
  const variables = ['labels', 'annotations'].flatMap((field) => [
    { name: `${field}Size`, expression: sizeOf('object', field) },
    { name: `${field}SizeBefore`, expression: `oldObject == null ? 0 : ${sizeOf('oldObject', field)}` },
  ]);
  const size = 'variables.labelsSize + variables.annotationsSize';
  const before = 'variables.labelsSizeBefore + variables.annotationsSizeBefore';
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicy',
    metadata: { name: ALLOCATION_METADATA_POLICY },
    spec: {
      failurePolicy: 'Fail',
      matchConstraints: { resourceRules: [allocationWrites('CREATE', 'UPDATE')] },
      matchConditions: [notTheOperator(systemNamespace)],
      variables,
      validations: [
        {
          expression: `${size} <= ${MAX_METADATA_CHARACTERS} || ${size} <= ${before}`,
          reason: 'Invalid',
          messageExpression: `'The labels and annotations of a MacAllocation may have ${MAX_METADATA_CHARACTERS} characters, not ' + string(${size}) + '. Keep the rest elsewhere, for example in a ConfigMap.'`,
        },
        ...['finalizers', 'ownerReferences'].map((field) => ({
          expression: `object.metadata.?${field}.orValue([]).size() <= ${MAX_METADATA_ENTRIES}`,
          reason: 'Invalid',
          message: `A MacAllocation may have ${MAX_METADATA_ENTRIES} ${field}. Remove those that nobody needs.`,
        })),
        ...[ANNOTATIONS.reason, ANNOTATIONS.releaseReason, ANNOTATIONS.renewReason].map((annotation) => ({
          expression: `!object.metadata.?annotations[?'${annotation}'].hasValue() || (${isReasonInCel(`object.metadata.annotations['${annotation}']`)})`,
          reason: 'Invalid',
          message: `The annotation ${annotation} is one line of at most ${MAX_REASON_OCTETS} bytes, because the audit keeps it.`,
        })),
      ],
    },
  };
}

function sizeOf(object: string, field: string): string {
  const map = `${object}.metadata.${field}`;
  return `(has(${map}) ? ${map}.map(key, key.size() + ${map}[key].size()).sum() : 0)`;
}
