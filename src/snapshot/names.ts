import { createHash } from 'node:crypto';
import { SnapshotNameError } from './errors.ts';
import { formatNameTimestamp, hasNameTimestampShape, parseNameTimestamp, type TimestampNano } from './timestamp.ts';

/**
 * Object names (docs/format.md, "Object names" and "Deltas"; NAM-01 to NAM-14):
 *
 *     <db>__<instance>__<YYYYMMDD-HHMMSS-nnnnnnnnn>__<generation>[__<extra>...].<extension>
 */
export type SnapshotKind = 'snapshot' | 'delta';

/** A part after the generation: a capital letter and a value; `__X123` is type `X`, value `123`. */
export interface SnapshotNameExtra {
  readonly type: string;
  readonly value: string;
}

export interface SnapshotName {
  /** The whole object name. */
  readonly full: string;
  readonly databaseName: string;
  readonly instanceId: string;
  readonly timestampNano: TimestampNano;
  /** The timestamp as it stands in the name; sorts as the timestamp does. */
  readonly timestampText: string;
  readonly generationId: string;
  /** In the order of the name, verbatim, unknown ones included. */
  readonly extras: readonly SnapshotNameExtra[];
  readonly kind: SnapshotKind;
  /**
   * `F`, a timestamp of this instance. A delta holds what its instance changed after it; always set there. On a full
   * snapshot: the instance changed nothing of its own between the two.
   */
  readonly previousTimestampNano?: TimestampNano;
  /** `D1`: its writer reads deltas. An instance whose newest full snapshot lacks it is a legacy writer. */
  readonly readsDeltas: boolean;
  /** `L`: how often what is in a delta was merged into a larger one; 0 without it, and on a full snapshot. */
  readonly level: number;
}

/** What {@link buildSnapshotName} needs; a parsed {@link SnapshotName} is one, too. */
export interface SnapshotNameParts {
  readonly databaseName: string;
  readonly instanceId: string;
  readonly timestampNano: TimestampNano;
  readonly generationId: string;
  readonly kind: SnapshotKind;
  /** Extras beside `D1`, `F` and `L`, or with them; kept in this order. */
  readonly extras?: readonly SnapshotNameExtra[];
  readonly previousTimestampNano?: TimestampNano;
  readonly readsDeltas?: boolean;
  /** Default 0, which no name shows. */
  readonly level?: number;
}

export const SNAPSHOT_EXTENSION = 'pb.gz';
export const DELTA_EXTENSION = 'delta.pb.gz';

const SEPARATOR = '__';
const READS_DELTAS: SnapshotNameExtra = { type: 'D', value: '1' };
const PREVIOUS_TYPE = 'F';
const LEVEL_TYPE = 'L';
const LEVEL_VALUE = /^[1-9]\d?$/;

/** @throws SnapshotNameError when the name is not one of ours; the object is then none of our business. */
export function parseSnapshotName(full: string): SnapshotName {
  const fail = (reason: SnapshotNameError['reason'], detail: string): never => {
    throw new SnapshotNameError(full, reason, detail);
  };
  const dot = full.indexOf('.');
  if (dot < 0) fail('no-dot', 'it has no extension');
  const kind = kindOf(full.slice(dot + 1)) ?? fail('unknown-extension', `unknown extension ${full.slice(dot + 1)}`);
  const parts = full.slice(0, dot).split(SEPARATOR);
  if (parts.length < 4) fail('too-few-parts', `${parts.length} parts between "__", at least 4 are expected`);
  const [databaseName, instanceId, timestampText, generationId, ...extraTexts] = parts as [
    string,
    string,
    string,
    string,
    ...string[],
  ];
  if (!hasNameTimestampShape(timestampText)) fail('timestamp-format', `${timestampText} is not a timestamp`);
  const timestampNano =
    parseNameTimestamp(timestampText) ?? fail('timestamp-value', `${timestampText} is no point in time`);
  const extras = extraTexts.map((text) => ({ type: text.slice(0, 1), value: text.slice(1) }));
  const readsDeltas = extras.some(isReadsDeltas);
  const name = {
    full,
    databaseName,
    instanceId,
    timestampNano,
    timestampText,
    generationId,
    extras,
    kind,
    readsDeltas,
    level: kind === 'delta' ? levelOf(extras) : 0,
  };
  const previous = extras.filter(({ type }) => type === PREVIOUS_TYPE);
  const previousTimestampNano = previous.length === 1 ? parseNameTimestamp(previous[0]!.value) : undefined;
  if (previousTimestampNano !== undefined) return { ...name, previousTimestampNano };
  // To the reference any extra of a full snapshot is one more part of its name: what is no time promises nothing.
  if (kind === 'snapshot') return name;
  return fail('previous-timestamp', 'a delta needs exactly one extra F with the timestamp of the object before it');
}

/** The same for a text that may be anything; undefined: no name of ours. */
export function snapshotNameOf(text: string): SnapshotName | undefined {
  try {
    return parseSnapshotName(text);
  } catch (error) {
    if (error instanceof SnapshotNameError) return undefined;
    throw error;
  }
}

function levelOf(extras: readonly SnapshotNameExtra[]): number {
  const level = extras.find(({ type, value }) => type === LEVEL_TYPE && LEVEL_VALUE.test(value));
  return level ? Number(level.value) : 0;
}

function kindOf(extension: string): SnapshotKind | undefined {
  if (extension === SNAPSHOT_EXTENSION) return 'snapshot';
  return extension === DELTA_EXTENSION ? 'delta' : undefined;
}

/**
 * The object name of these parts; `buildSnapshotName(parseSnapshotName(x)) === x` (NAM-09). `D1`, `F` and `L` are added
 * when they are asked for and not among the extras, each where the sorted order of docs/format.md wants it.
 * @throws RangeError for parts that would not parse back to themselves: a `.` or `__` inside of one, a year of five
 * digits, a delta without a previous timestamp. Configuration and {@link toInstanceId} keep such parts out.
 */
export function buildSnapshotName(parts: SnapshotNameParts): string {
  let extras = parts.extras ?? [];
  if (parts.readsDeltas && !extras.some(isReadsDeltas)) extras = insertSorted(extras, READS_DELTAS);
  if (parts.previousTimestampNano !== undefined && !extras.some(({ type }) => type === PREVIOUS_TYPE)) {
    const value = formatNameTimestamp(parts.previousTimestampNano);
    extras = insertSorted(extras, { type: PREVIOUS_TYPE, value });
  }
  if ((parts.level ?? 0) > 0 && !extras.some(({ type }) => type === LEVEL_TYPE)) {
    extras = insertSorted(extras, { type: LEVEL_TYPE, value: String(parts.level) });
  }
  const base = [
    parts.databaseName,
    parts.instanceId,
    formatNameTimestamp(parts.timestampNano),
    parts.generationId,
    ...extras.map(textOf),
  ].join(SEPARATOR);
  const full = `${base}.${parts.kind === 'delta' ? DELTA_EXTENSION : SNAPSHOT_EXTENSION}`;
  assertParsesBack(full, parts, extras);
  return full;
}

/** A name that reads back as something else would hide the object from every peer: better not to write it. */
function assertParsesBack(full: string, parts: SnapshotNameParts, extras: readonly SnapshotNameExtra[]): void {
  let parsed: SnapshotName;
  try {
    parsed = parseSnapshotName(full);
  } catch (error) {
    throw new RangeError(`these parts make no object name: ${full}`, { cause: error });
  }
  const same =
    parsed.databaseName === parts.databaseName &&
    parsed.instanceId === parts.instanceId &&
    parsed.generationId === parts.generationId &&
    parsed.previousTimestampNano === parts.previousTimestampNano &&
    parsed.level === (parts.level ?? 0) &&
    parsed.kind === parts.kind &&
    parsed.extras.length === extras.length &&
    parsed.extras.every((extra, at) => textOf(extra) === textOf(extras[at]!));
  if (!same) throw new RangeError(`these parts make an object name that reads back as others: ${full}`);
}

const textOf = (extra: SnapshotNameExtra): string => extra.type + extra.value;

function isReadsDeltas(extra: SnapshotNameExtra): boolean {
  return extra.type === READS_DELTAS.type && extra.value === READS_DELTAS.value;
}

function insertSorted(extras: readonly SnapshotNameExtra[], extra: SnapshotNameExtra): SnapshotNameExtra[] {
  const at = extras.findIndex((other) => textOf(other) > textOf(extra));
  return at < 0 ? [...extras, extra] : [...extras.slice(0, at), extra, ...extras.slice(at)];
}

/** An instance name as it may stand in object names: every character outside `[a-zA-Z0-9-]` becomes `-` (NAM-13). */
export function toInstanceId(raw: string): string {
  return raw.replace(/[^a-zA-Z0-9-]/gu, '-');
}

/** Seven hex digits that tell objects apart in logs, the same as the reference prints (NAM-11). */
export function shortHash(name: Pick<SnapshotName, 'instanceId' | 'timestampText'>): string {
  return createHash('sha256').update(`${name.instanceId}-${name.timestampText}`).digest('hex').slice(0, 7);
}
