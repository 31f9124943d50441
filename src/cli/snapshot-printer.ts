import { formatDbiFlags } from '../config/index.ts';
import { showDbiName } from '../lmdb/index.ts';
import {
  type DbiHeader,
  type EntryRef,
  type SnapshotHeader,
  type SnapshotVisitor,
  timestampFromParts,
} from '../snapshot/index.ts';
import { displayAscii } from './display-ascii.ts';
import { jsonLine, jsonTime } from './json.ts';
import type { Output } from './output.ts';
import { formatAge, formatLocalTime } from './time-text.ts';

export interface SnapshotPrinterOptions {
  /** Milliseconds since 1970: ages count from here. */
  readonly nowMs: number;
  /** Only the DBI of this name. */
  readonly dbi?: string | undefined;
  /** The reader is known to begin again; what comes before is not printed. */
  readonly skipUntilRestart?: boolean;
  /** Lines of JSON instead of text. */
  readonly json?: boolean;
}

/** Prints a snapshot as the reference does: its header as JSON, then each DBI with a line per entry (CLI-11). */
export class SnapshotPrinter implements SnapshotVisitor {
  readonly #out: Output;
  readonly #nowMs: number;
  readonly #onlyDbi: string | undefined;
  readonly #json: boolean;
  #isMuted: boolean;
  #dbi = '';
  #isWanted = false;

  constructor(out: Output, { nowMs, dbi, skipUntilRestart = false, json = false }: SnapshotPrinterOptions) {
    this.#out = out;
    this.#nowMs = nowMs;
    this.#onlyDbi = dbi || undefined;
    this.#json = json;
    this.#isMuted = skipUntilRestart;
  }

  restart(): void {
    this.#isMuted = false;
  }

  header(header: SnapshotHeader): void {
    if (this.#isMuted) return;
    this.#out.write(this.#json ? jsonLine({ header: headerObject(header) }) : `${headerJson(header)}\n`);
  }

  dbi({ name, flags, transform }: DbiHeader): void {
    const shown = showDbiName(name);
    this.#isWanted = !this.#isMuted && (this.#onlyDbi === undefined || shown === this.#onlyDbi);
    if (!this.#isWanted) return;
    this.#dbi = shown;
    if (this.#json) {
      this.#out.write(jsonLine({ dbi: shown, transform, flags: formatDbiFlags(flags) }));
      return;
    }
    this.#out.write(`\n### ${shown} (transform=${JSON.stringify(transform)}, flags="${formatDbiFlags(flags)}")\n\n`);
  }

  entry(entry: EntryRef): void {
    if (!this.#isWanted) return;
    const { buffer, flags } = entry;
    if (this.#json) {
      this.#out.write(jsonLine(entryObject(this.#dbi, entry)));
      return;
    }
    const key = displayAscii(buffer.subarray(entry.keyStart, entry.keyEnd), this.#nowMs);
    const value = displayAscii(buffer.subarray(entry.valueStart, entry.valueEnd), this.#nowMs);
    // Signed, as the reference shows it (HDR-12): 2^63 ns and later are dates before 1970.
    const nano = BigInt.asIntN(64, timestampFromParts(entry.timestampHi, entry.timestampLo));
    const time = `${formatLocalTime(nano)}, ${formatAge(nano, this.#nowMs)} ago`;
    this.#out.write(`${key}  =  ${value}  (${time}; flags=${flags.toString(16).padStart(2, '0')})\n`);
  }
}

function headerObject({ formatVersion, compatVersion, meta }: SnapshotHeader): object {
  return {
    formatVersion,
    compatVersion,
    generation: meta.generationId,
    instance: meta.instanceId,
    hostname: meta.hostname,
    database: meta.databaseName,
    time: jsonTime(meta.timestampNano),
    lmdbTxnId: String(meta.lmdbTxnId),
    fromLmdbTxnId: String(meta.fromLmdbTxnId),
  };
}

function entryObject(dbi: string, entry: EntryRef): object {
  return {
    dbi,
    key: entry.buffer.toString('hex', entry.keyStart, entry.keyEnd),
    value: entry.buffer.toString('hex', entry.valueStart, entry.valueEnd),
    time: jsonTime(timestampFromParts(entry.timestampHi, entry.timestampLo)),
    flags: entry.flags,
  };
}

/** By hand: the numbers have 64 bits, which `JSON.stringify` cannot write. */
function headerJson({ formatVersion, compatVersion, meta }: SnapshotHeader): string {
  const fields = [
    ['GenerationID', goJson(meta.generationId)],
    ['InstanceID', goJson(meta.instanceId)],
    ['Hostname', goJson(meta.hostname)],
    ['LmdbTxnID', meta.lmdbTxnId],
    ['TimestampNano', meta.timestampNano],
    ['DatabaseName', goJson(meta.databaseName)],
    ['FromLmdbTxnID', meta.fromLmdbTxnId],
  ].map(([name, value]) => `    "${name}": ${value}`);
  return [
    '{',
    `  "FormatVersion": ${formatVersion},`,
    `  "CompatVersion": ${compatVersion},`,
    '  "Meta": {',
    fields.join(',\n'),
    '  }',
    '}',
  ].join('\n');
}

/** Go also escapes what could end a script in HTML. */
function goJson(text: string): string {
  return JSON.stringify(text).replace(
    /[<>&\u2028\u2029]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
