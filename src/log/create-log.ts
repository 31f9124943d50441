import { pino } from 'pino';
import {
  formatLogfmt,
  formatTerminal,
  formatTime,
  type LogRecord,
  type LogRecordLevel,
  prefixDatabase,
  type TimestampStyle,
} from './format.ts';
import type { Log, LogFields } from './log.ts';
import { type LogValue, toLogValue } from './values.ts';

/** Takes whole lines, and has taken them when `write` returns. */
export interface LogStream {
  write(line: string): unknown;
}

/** How the lines look. Plain data: a worker thread is given the main thread's, so that all lines of a process look alike. */
export interface LogStyle {
  /** Lines below it are dropped; default `info`. `fatal` drops all: what is fatal is told by the command line itself. */
  readonly level?: 'debug' | 'info' | 'warning' | 'error' | 'fatal' | undefined;
  /** `human` (default): colours on a terminal, elsewhere logfmt with the database in front of the message. */
  readonly format?: 'human' | 'logfmt' | 'json' | undefined;
  readonly timestamp?: TimestampStyle | undefined;
  /** Whether `stream` is a terminal. */
  readonly isTty?: boolean | undefined;
  /** Colours on a terminal; default true. */
  readonly hasColours?: boolean | undefined;
  /** A terminal may show a progress bar where the next line goes; default false. */
  readonly hasBar?: boolean | undefined;
  /** Milliseconds since 1970 from which a terminal's short timestamps count; default: now. */
  readonly startedMs?: number | undefined;
}

export interface LogOptions extends LogStyle {
  /** Default: standard error. */
  readonly stream?: LogStream | undefined;
  /** Milliseconds since 1970. */
  readonly now?: (() => number) | undefined;
}

/** The bar leaves the cursor at its begin. */
const ERASE_LINE = '\u001b[K';
const STANDARD_ERROR = 2;
const MAX_WAITING_BYTES = 2 ** 20;

const RANK = { debug: 0, info: 1, warning: 2, error: 3, fatal: 4 } as const;

/** Keys of the line itself; a field of that name is moved out of the way, as logrus does. */
const RESERVED: readonly string[] = ['time', 'level', 'msg'];

/** The log of a process. Every line is written before the call returns, so that none is lost at exit. */
export function createLog(options: LogOptions = {}): Log {
  const { format = 'human', timestamp = 'short', stream = descriptorStream(STANDARD_ERROR), now = Date.now } = options;
  const isTty = options.isTty ?? (options.stream === undefined && process.stderr.isTTY === true);
  const startedMs = options.startedMs ?? now();
  const over = options.hasBar ? ERASE_LINE : '';
  const toLine = (record: LogRecord): string => {
    if (format === 'logfmt') return formatLogfmt(record, timestamp);
    if (isTty) return over + formatTerminal(record, timestamp, startedMs, options.hasColours ?? true);
    return formatLogfmt(prefixDatabase(record), timestamp);
  };
  const write =
    format === 'json' ? jsonWriter(stream, timestamp) : (record: LogRecord) => void stream.write(`${toLine(record)}\n`);
  return logAt(RANK[options.level ?? 'info'], write, now, {});
}

type Write = (record: LogRecord) => void;

function logAt(threshold: number, write: Write, now: () => number, bound: LogFields): Log {
  const at =
    (level: LogRecordLevel) =>
    (message: string, fields: LogFields = {}): void => {
      if (RANK[level] < threshold) return;
      write({ level, message, fields: sortFields({ ...bound, ...fields }), atMs: now() });
    };
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warning'),
    error: at('error'),
    child: (fields) => logAt(threshold, write, now, { ...bound, ...fields }),
  };
}

function sortFields(fields: LogFields): [string, LogValue][] {
  return Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]): [string, LogValue] => [RESERVED.includes(key) ? `fields.${key}` : key, toLogValue(value)])
    .sort(([a], [b]) => (a < b ? -1 : 1));
}

/** Keys of the reference: level, msg, time, and the fields. */
function jsonWriter(stream: LogStream, timestamp: TimestampStyle): Write {
  let atMs = 0;
  const logger = pino(
    {
      level: 'debug',
      base: null,
      messageKey: 'msg',
      timestamp: timestamp === 'disable' ? false : () => `,"time":"${formatTime(atMs)}"`,
      formatters: { level: (label) => ({ level: label === 'warn' ? 'warning' : label }) },
    },
    { write: (line: string) => void stream.write(line) },
  );
  return (record) => {
    atMs = record.atMs;
    const level = record.level === 'warning' ? 'warn' : record.level;
    logger[level](Object.fromEntries(record.fields), record.message);
  };
}

/**
 * Writes to a file descriptor before it returns, also in a worker thread, where `process.stderr` is passed on to the
 * main thread instead. A descriptor that cannot be written (EPIPE, a full disk) is no reason to stop syncing: lines wait
 * for it up to a bound, then they are dropped.
 */
export function descriptorStream(fd: number): LogStream {
  const destination = pino.destination({ dest: fd, sync: true, maxLength: MAX_WAITING_BYTES });
  destination.on('error', () => {});
  return destination;
}
