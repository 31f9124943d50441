import * as z from 'zod';
import type { Field } from './fields.ts';
import { fileKey } from './naming.ts';
import { isYamlMapping, treeKind, type YamlTree } from './yaml-tree.ts';

/** What an issue of ours carries besides its message. */
export interface IssueParams {
  /** Of a key that is unknown: those that are known in its section. */
  readonly known?: readonly string[];
}

/** Not looked at. */
export const anything: Field<YamlTree> = whenMissing(z.unknown().transform((value) => value as YamlTree));

type Shape = Readonly<Record<string, Field<unknown>>>;
type OptionalKeys<S extends Shape> = { [K in keyof S]: undefined extends z.output<S[K]> ? K : never }[keyof S];
type Section<S extends Shape> = { readonly [K in Exclude<keyof S, OptionalKeys<S>>]: z.output<S[K]> } & {
  readonly [K in OptionalKeys<S>]?: Exclude<z.output<S[K]>, undefined>;
};

/** A mapping with known keys. Named in the shape as in the code; the keys in the file follow from `fileKey`. */
export function section<const S extends Shape>(shape: S): Field<Section<S>> {
  const names = Object.keys(shape);
  const keys = names.map(fileKey);
  const params: IssueParams = { known: keys };
  // As a kind of value, and not as a check before the others: what is wrong with the known keys is found as well.
  const unknown = z.unknown().transform((_value, context) => {
    context.issues.push({ code: 'custom', message: 'unknown key', params: { ...params }, input: undefined });
    return z.NEVER;
  });
  const inFile = z
    .object(Object.fromEntries(names.map((name, index) => [keys[index]!, shape[name]!])))
    .catchall(unknown);
  const renamed = mapping.pipe(inFile).transform((values) => {
    const entries = names.map((name, index) => [name, values[keys[index]!]] as const);
    return Object.fromEntries(entries.filter(([, value]) => value !== undefined)) as Section<S>;
  });
  return whenMissing(renamed);
}

/** A mapping whose keys are names the operator chose. */
export function mapOf<T>(value: Field<T>): Field<ReadonlyMap<string, T>> {
  const record = mapping.pipe(z.record(z.string(), value));
  return whenMissing(record.transform((entries) => new Map(Object.entries(entries))));
}

/** A missing section is an empty one. (zod refuses a missing key unless its schema says so.) */
function whenMissing<T>(schema: z.ZodType<T, unknown>): Field<T> {
  return schema.prefault(null);
}

const mapping = z.unknown().transform((value, context): Record<string, unknown> => {
  if (value === null) return {};
  if (isYamlMapping(value)) return value as Record<string, unknown>;
  context.issues.push({ code: 'custom', message: `expected a mapping, found a ${treeKind(value)}`, input: undefined });
  return z.NEVER;
});
