import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { z } from 'zod';

interface Schemas {
  readonly $defs: Readonly<Record<string, object>>;
}

const file = resolve(import.meta.dirname, '..', '..', 'docs', 'json-output.schema.json');
const { $defs } = JSON.parse(readFileSync(file, 'utf8')) as Schemas;

export const schemaNames = Object.keys($defs);

/** Parses JSON that a command printed; throws when it has not the documented form. */
// biome-ignore lint/suspicious/noExplicitAny: tests look into what was checked.
export function checkedJson(name: string, text: string): any {
  const schema = $defs[name];
  if (schema === undefined) throw new TypeError(`no schema ${name}`);
  return z.fromJSONSchema(schema as Parameters<typeof z.fromJSONSchema>[0]).parse(JSON.parse(text));
}

/** The same for each line. */
// biome-ignore lint/suspicious/noExplicitAny: tests look into what was checked.
export function checkedLines(name: string, text: string): any[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => checkedJson(name, line));
}
