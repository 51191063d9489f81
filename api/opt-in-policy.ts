import { ANNOTATIONS, LABELS, OPT_IN_POLICY } from './names.ts';
import { OPT_IN_LABEL_VALUES, OPT_IN_WORDS, OPT_OUT_LABEL_VALUES, OPT_OUT_WORDS } from './opt-in.ts';

/** The pods that a controller makes of a template cannot warn the author of the template, so the template does. */
const TEMPLATES = [
  { apiGroups: ['apps'], resources: ['deployments', 'statefulsets', 'daemonsets', 'replicasets'] },
  { apiGroups: ['batch'], resources: ['jobs'] },
];
const CRON_JOBS = { apiGroups: ['batch'], resources: ['cronjobs'] };
const NAMESPACES = { apiGroups: [''], resources: ['namespaces'] };
const WORKLOADS = [
  { apiGroups: [''], resources: ['pods'] },
  { apiGroups: ['kubevirt.io'], resources: ['virtualmachines', 'virtualmachineinstances'] },
];

/** How much of a value a message repeats. */
const SHOWN = 32;

/** The API server generates the names of their pods, so no address can belong to one. */
const NAMELESS = ['deployments', 'replicasets', 'daemonsets', 'jobs', 'cronjobs'];

/**
 * Returns the policy that warns of an opt-in which nobody understands: another word, or the right word in the wrong place. Such an
 * object gets no address, or one that does not stay, and nothing else would say why. It warns when the author writes it, and not at
 * each update.
 */
export function optInPolicy(): Record<string, unknown> {
  const rules = [...WORKLOADS, ...TEMPLATES, CRON_JOBS, NAMESPACES];
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicy',
    metadata: { name: OPT_IN_POLICY },
    spec: {
      failurePolicy: 'Ignore',
      matchConstraints: {
        resourceRules: rules.map((rule) => ({ ...rule, apiVersions: ['*'], operations: ['CREATE', 'UPDATE'] })),
      },
      matchConditions: [{ name: 'writes-the-opt-in', expression: `${written('object')} != ${writtenBefore}` }],
      variables: [
        { name: 'isNamespace', expression: "request.resource.resource == 'namespaces'" },
        { name: 'written', expression: written('object') },
        { name: 'annotation', expression: 'variables.written[0]' },
        { name: 'label', expression: 'variables.written[1]' },
        { name: 'sticky', expression: 'variables.written[2]' },
      ],
      validations: [
        {
          expression: `variables.isNamespace || variables.annotation == '' || ${isOneOf('variables.annotation', WORDS)}`,
          messageExpression: message(
            `annotation ${ANNOTATIONS.inject}`,
            'variables.annotation',
            'so the namespace decides whether this object gets addresses. Write "true" or "false".',
          ),
        },
        {
          expression: `variables.isNamespace || variables.label == '' || variables.annotation != ''`,
          message: `The label ${LABELS.inject} has no effect on this object. Write it as an annotation: ${ANNOTATIONS.inject}: "true".`,
        },
        {
          expression: `!variables.isNamespace || variables.label == '' || variables.label in ${list([...OPT_IN_LABEL_VALUES, ...OPT_OUT_LABEL_VALUES])}`,
          messageExpression: message(
            `label ${LABELS.inject}`,
            'variables.label',
            'so this namespace is treated as one without it. Write enabled or disabled.',
          ),
        },
        {
          expression: `!variables.isNamespace || variables.annotation == '' || variables.label != ''`,
          message: `The annotation ${ANNOTATIONS.inject} has no effect on a namespace. Write it as a label: ${LABELS.inject}: enabled.`,
        },
        {
          expression: `variables.sticky == '' || ${isOneOf('variables.sticky', WORDS)}`,
          messageExpression: message(
            `annotation ${ANNOTATIONS.sticky}`,
            'variables.sticky',
            'so no address stays because of it. Write "true" or "false".',
          ),
        },
        {
          expression: `!(request.resource.resource in ${list(NAMELESS)}) || !(${isOneOf('variables.sticky', OPT_IN_WORDS)})`,
          message: `The annotation ${ANNOTATIONS.sticky} has no effect here, because the names of these pods are generated. Use a StatefulSet, or claims.`,
        },
      ],
    },
  };
}

const WORDS = [...OPT_IN_WORDS, ...OPT_OUT_WORDS];

/** What the object had before; of a new one, nothing. */
const writtenBefore = `(oldObject == null ? ['', '', ''] : ${written('oldObject')})`;

/**
 * Returns CEL for the annotation and the label that opt in, and the annotation that lets addresses stay, as a list of three texts.
 * `dyn` hides the types of the kinds.
 */
function written(object: 'object' | 'oldObject'): string {
  const template = (path: string) => `dyn(${object}).spec.${path}.?metadata.orValue({})`;
  const isIn = (...resources: readonly string[]) => `request.resource.resource in ${list(resources)}`;
  const templated = TEMPLATES.flatMap(({ resources }) => resources);
  const metadata = `${isIn(...templated)} ? ${template('template')} : ${isIn(...CRON_JOBS.resources)} ? ${template('jobTemplate.spec.template')} : dyn(${object}).metadata`;
  const value = (field: string, key: string) => `metadata.?${field}[?'${key}'].orValue('')`;
  const values = [
    value('annotations', ANNOTATIONS.inject),
    value('labels', LABELS.inject),
    value('annotations', ANNOTATIONS.sticky),
  ];
  return `[${metadata}].map(metadata, [${values.join(', ')}])[0]`;
}

/** Returns CEL that is true if a text is one of these words. Case and outer blanks do not count. */
function isOneOf(text: string, words: readonly string[]): string {
  return `${text}.trim().lowerAscii() in ${list(words)}`;
}

function message(what: string, value: string, effect: string): string {
  const shown = `(${value}.size() > ${String(SHOWN)} ? ${value}.substring(0, ${String(SHOWN)}) + '…' : ${value})`;
  return `'The value "' + ${shown} + '" of ${what} is not understood, ${effect}'`;
}

function list(values: readonly string[]): string {
  return `[${values.map((value) => `'${value}'`).join(', ')}]`;
}
