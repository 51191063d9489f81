import { escapeJson } from '../invisible.ts';
import { printable } from '../table.ts';
import { compareValues } from './compare.ts';
import { JsonPathError, type Path, type Step, type Template } from './template.ts';

/** Returns the output of a template for a JSON value. As in kubectl, a range makes each of its values the current one. */
export function renderTemplate(template: Template, value: unknown): string {
  return template
    .map((part) => {
      switch (part.kind) {
        case 'text':
          return part.text;
        case 'path':
          return isText(part.path) ?? evaluatePath(part.path, value).map(valueText).join(' ');
        case 'range':
          return evaluatePath(part.path, value)
            .map((each) => renderTemplate(part.body, each))
            .join('');
      }
    })
    .join('');
}

/** Returns the text of an action that is only a quoted text, such as `{"\n"}`. It is the author's, so it is not escaped. */
function isText([only, ...others]: Path): string | undefined {
  return only?.kind === 'literal' && others.length === 0 ? String(only.value) : undefined;
}

/** Returns a value for people and scripts: a text without quotes, anything else as JSON on one line. */
export function valueText(value: unknown): string {
  return typeof value === 'string' ? printable(value) : escapeJson(JSON.stringify(value));
}

/**
 * Returns the values that a path leads to. A missing field leads to none.
 *
 * @throws JsonPathError for an index that does not exist, and for a list where something else is
 */
export function evaluatePath(path: Path, value: unknown): readonly unknown[] {
  return path.reduce<readonly unknown[]>((values, step) => evaluateStep(step, values), [value]);
}

function evaluateStep(step: Step, values: readonly unknown[]): readonly unknown[] {
  switch (step.kind) {
    case 'literal':
      return values.length === 0 ? [] : [step.value];
    case 'field':
      return values.flatMap((value) => (isObject(value) && Object.hasOwn(value, step.name) ? [value[step.name]] : []));
    case 'wildcard':
      return values.flatMap(childrenOf);
    case 'descendants':
      return values.flatMap(descendantsOf);
    case 'index':
      return values.flatMap((value) => (isNothing(value) ? [] : [itemAt(requireList(value), step.start)]));
    case 'slice':
      return values.flatMap((value) => (isNothing(value) ? [] : sliceOf(requireList(value), step)));
    case 'union':
      return step.paths.flatMap((path) => path.reduce((found, each) => evaluateStep(each, found), values));
    case 'filter':
      return values.flatMap((value) => requireList(value).filter((item) => matches(step, item)));
  }
}

function itemAt(list: readonly unknown[], start: number): unknown {
  const index = start < 0 ? start + list.length : start;
  if (index >= 0 && index < list.length) return list[index];
  throw new JsonPathError(`the list has ${String(list.length)} item(s), so there is no item ${String(start)}`);
}

/** Returns the items from `start` up to `end`. Numbers below 0 count from the end. */
function sliceOf(
  list: readonly unknown[],
  { start, end, step }: { readonly start: number; readonly end: number | undefined; readonly step: number },
): readonly unknown[] {
  return list.slice(start, end).filter((_, index) => index % step === 0);
}

type Filter = Extract<Step, { kind: 'filter' }>;

function matches({ left, comparison }: Filter, item: unknown): boolean {
  const lefts = evaluatePath(left, item);
  if (comparison === undefined) return lefts.length > 0;
  const rights = evaluatePath(comparison.right, item);
  if (lefts.length > 1 || rights.length > 1) throw new JsonPathError('a filter compares one value with one value');
  return lefts.length === 1 && rights.length === 1 && compareValues(lefts[0], comparison.operator, rights[0]);
}

function requireList(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw new JsonPathError(`${valueText(value).slice(0, 40)} is no list`);
}

function childrenOf(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  return isObject(value) ? Object.values(value) : [];
}

/** Returns the lists and objects in a value that are not empty, and the value itself, from the outside to the inside. */
function descendantsOf(value: unknown): readonly unknown[] {
  const children = childrenOf(value);
  return children.length === 0 ? [] : [value, ...children.flatMap(descendantsOf)];
}

function isNothing(value: unknown): boolean {
  return value === null || value === undefined;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
