import { readFileSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';
import { expect, test } from 'vitest';

const repository = path.join(import.meta.dirname, '..');

/** Returns the fields that the programs pass to their logger, according to the types, spread objects included. */
function loggedFields(mains: readonly string[]): ReadonlySet<string> {
  const { config } = ts.readConfigFile(path.join(repository, 'tsconfig.json'), (file) => ts.sys.readFile(file)) as {
    readonly config: unknown;
  };
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, repository);
  const program = ts.createProgram({ rootNames: mains.map((main) => path.join(repository, main)), options });
  const checker = program.getTypeChecker();
  const fields = new Set<string>();

  function visit(node: ts.Node): void {
    ts.forEachChild(node, visit);
    if (!ts.isCallExpression(node)) return;
    const { expression: method, arguments: given } = node;
    if (!ts.isPropertyAccessExpression(method) && !ts.isElementAccessExpression(method)) return;
    const isLogger =
      checker.getPropertyOfType(checker.getTypeAtLocation(method.expression), 'setBindings') !== undefined;
    const [first] = given;
    if (!isLogger || first === undefined || !ts.isObjectLiteralExpression(first)) return;
    for (const { name } of checker.getPropertiesOfType(checker.getTypeAtLocation(first))) fields.add(name);
  }

  for (const file of program.getSourceFiles()) if (!file.fileName.includes('/node_modules/')) visit(file);
  return fields;
}

/** Returns the first column of the table under "Logs". */
function documentedFields(): ReadonlySet<string> {
  const page = readFileSync(path.join(repository, 'docs', 'operations.md'), 'utf8');
  const section = page.split(/^## /m).find((each) => each.startsWith('Logs\n')) ?? '';
  const columns = section.split('\n').map((line) => /^\| (`.*?`) +\|/.exec(line)?.[1] ?? '');
  return new Set(columns.flatMap((column) => column.match(/(?<=`)\w+(?=`)/g) ?? []));
}

/** Fields that pino itself adds to every line. */
const ALWAYS = ['level', 'time', 'component'];

test('docs/operations.md names every field of the logs, and no other', { timeout: 60_000 }, () => {
  const logged = loggedFields(['operator/main.ts', 'webhook/main.ts']);
  expect([...logged]).toEqual(expect.arrayContaining(['err', 'mac', 'uid', 'controller']));
  expect([...documentedFields()].sort()).toEqual([...logged, ...ALWAYS].sort());
});
