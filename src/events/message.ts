import { showDbiName } from '../lmdb/index.ts';
import type { ChangedKey, ChangeEvent } from '../sync/index.ts';

/** A key as JSON: text where its bytes are UTF-8 without control characters, else base64. */
export type KeyMessage =
  | { readonly key: string; readonly kind: 'put' | 'delete'; readonly value?: string }
  | { readonly keyBase64: string; readonly kind: 'put' | 'delete'; readonly valueBase64?: string };

/** A `ChangeEvent` as consumers get it (docs/events.md). */
export interface EventMessage {
  readonly db: string;
  /** RFC 3339, UTC, ms. */
  readonly time: string;
  readonly txnID: number;
  /** `local`, or the name of the instance. */
  readonly origin: string;
  /** `many`: keys were too many to name; anything in this DBI may have changed. */
  readonly dbis: readonly ({ readonly name: string } & (
    | { readonly many: true }
    | { readonly keys: readonly KeyMessage[] }
  ))[];
}

export function messageOf({ db, atMs, txnId, origin, dbis }: ChangeEvent): EventMessage {
  return {
    db,
    time: new Date(atMs).toISOString(),
    txnID: txnId,
    origin: origin.kind === 'remote' ? origin.instanceId : origin.kind,
    dbis: dbis.map(({ name, keys }) => ({
      name: showDbiName(name),
      ...(keys ? { keys: keys.map(keyMessageOf) } : { many: true as const }),
    })),
  };
}

/** One line of NDJSON an event. */
export function linesOf(events: readonly ChangeEvent[]): string {
  return events.map((event) => `${JSON.stringify(messageOf(event))}\n`).join('');
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not stand in a text
const CONTROL = /[\u0000-\u001f\u007f]/;

function keyMessageOf({ key, value, kind }: ChangedKey): KeyMessage {
  const keyText = textOf(key);
  const valueText = value && textOf(value);
  if (keyText !== undefined && (value === undefined || valueText !== undefined)) {
    return valueText === undefined ? { key: keyText, kind } : { key: keyText, value: valueText, kind };
  }
  const keyBase64 = Buffer.from(key).toString('base64');
  return value ? { keyBase64, valueBase64: Buffer.from(value).toString('base64'), kind } : { keyBase64, kind };
}

function textOf(bytes: Uint8Array): string | undefined {
  try {
    const text = utf8.decode(bytes);
    return CONTROL.test(text) ? undefined : text;
  } catch {
    return undefined;
  }
}
