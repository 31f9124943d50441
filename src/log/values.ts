import { describeError } from '../errors/index.ts';

/** A field as something every format can print: errors as one line without a stack, no BigInt, no cycles, no bytes. */
export type LogValue = string | number | boolean | null | LogValue[] | { [key: string]: LogValue };

const MAX_DEPTH = 4;

export function toLogValue(value: unknown, depth = 0): LogValue {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value;
    case 'number':
      return Number.isFinite(value) ? value : String(value);
    case 'object':
      return value === null ? null : objectValue(value, depth);
    case 'undefined':
      return null;
    default:
      return String(value);
  }
}

function objectValue(value: object, depth: number): LogValue {
  if (value instanceof Error) return describeError(value);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (depth >= MAX_DEPTH) return '…';
  if (Array.isArray(value) || value instanceof Set) return [...value].map((item) => toLogValue(item, depth + 1));
  const entries = value instanceof Map ? [...value].map(([key, item]) => [String(key), item]) : Object.entries(value);
  return Object.fromEntries(entries.map(([key, item]) => [key, toLogValue(item, depth + 1)]));
}

/** One text for formats without structure. */
export function toLogText(value: LogValue): string {
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value);
}
