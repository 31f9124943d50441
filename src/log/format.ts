import { type LogValue, toLogText } from './values.ts';

/** What one line is made of; `fields` are sorted by key. */
export interface LogRecord {
  readonly level: LogRecordLevel;
  readonly message: string;
  readonly fields: readonly (readonly [key: string, value: LogValue])[];
  /** Milliseconds since 1970. */
  readonly atMs: number;
}

export type LogRecordLevel = 'debug' | 'info' | 'warning' | 'error';

/** `short` and `full` differ on a terminal only: seconds since start, or the time of day. */
export type TimestampStyle = 'short' | 'disable' | 'full';

/** Whole seconds, UTC: `2026-11-23T11:32:53Z`. */
export function formatTime(atMs: number): string {
  return `${new Date(atMs).toISOString().slice(0, 19)}Z`;
}

/**
 * `time="…" level=info msg="…" db=main`: the line the reference's logger (logrus) writes, so that what reads its logs
 * reads ours.
 */
export function formatLogfmt(record: LogRecord, timestamp: TimestampStyle): string {
  const pairs: [string, string][] = [];
  if (timestamp !== 'disable') pairs.push(['time', formatTime(record.atMs)]);
  pairs.push(['level', record.level], ['msg', record.message]);
  for (const [key, value] of record.fields) pairs.push([safeKey(key), toLogText(value)]);
  return pairs.map(([key, value]) => `${key}=${quote(value)}`).join(' ');
}

/** Anything else in a key would break the line apart. */
function safeKey(key: string): string {
  return key.replace(/[\s="\p{Cc}]/gu, '_');
}

/** Quotes where logrus does; control characters never reach a terminal. */
function quote(value: string): string {
  if (/^[A-Za-z0-9\-._/@^+]*$/.test(value)) return value;
  return escapeControls(JSON.stringify(value));
}

function escapeControls(text: string): string {
  return text.replace(/\p{Cc}/gu, (control) => `\\u${control.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** The name of the database in front of the message, as wide as most names are, so that messages line up. */
export function prefixDatabase(record: LogRecord): LogRecord {
  const database = record.fields.find(([key]) => key === 'db')?.[1];
  if (database === undefined || database === null) return record;
  return { ...record, message: `[${toLogText(database).padEnd(14)}] ${record.message}` };
}

const COLOUR: Readonly<Record<LogRecordLevel, number>> = { debug: 37, info: 36, warning: 33, error: 31 };
const MESSAGE_WIDTH = 44;

/** For a person at a terminal: `INFO[0012] [main          ] message   db=main`, the level in colour. */
export function formatTerminal(
  record: LogRecord,
  timestamp: TimestampStyle,
  startedMs: number,
  hasColours = true,
): string {
  const colour = (text: string): string => (!hasColours ? text : `\u001b[${COLOUR[record.level]}m${text}\u001b[0m`);
  const { message, fields } = prefixDatabase(record);
  const line = `${colour(record.level.slice(0, 4).toUpperCase())}${terminalTime(record.atMs, timestamp, startedMs)} `;
  if (fields.length === 0) return line + escapeControls(message);
  const pairs = fields.map(([key, value]) => ` ${colour(safeKey(key))}=${quote(toLogText(value))}`);
  return `${line}${escapeControls(message).padEnd(MESSAGE_WIDTH)}${pairs.join('')}`;
}

function terminalTime(atMs: number, timestamp: TimestampStyle, startedMs: number): string {
  if (timestamp === 'disable') return '';
  if (timestamp === 'full') return `[${formatTime(atMs)}]`;
  const seconds = Math.max(0, Math.floor((atMs - startedMs) / 1000));
  return `[${String(seconds).padStart(4, '0')}]`;
}
