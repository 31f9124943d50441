import { formatRfc3339Nano } from './time-text.ts';

/** What a command prints with `--json`: one document, indented; `docs/json-output.schema.json` has its form. */
export function jsonDocument(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}

/** One line of a long output: a document a line (NDJSON). */
export function jsonLine(value: unknown): string {
  return `${JSON.stringify(value)}\n`;
}

/** RFC 3339 in UTC, down to the nanosecond. Signed, as dumps show times (HDR-12). */
export function jsonTime(nano: bigint): string {
  return formatRfc3339Nano(BigInt.asIntN(64, nano));
}
