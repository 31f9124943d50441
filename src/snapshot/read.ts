import { isDeepStrictEqual } from 'node:util';
import { RefusedSnapshotError } from './errors.ts';
import { type GunzipObject, type GunzipSummary, gunzipTo } from './gunzip.ts';
import { HeaderInDoubt, type KnownHeaders } from './header-state.ts';
import { DEFAULT_LIMITS, type SnapshotLimits } from './limits.ts';
import type { DbiHeader, SnapshotHeader, SnapshotVisitor } from './message.ts';
import { type ParseVisitor, SnapshotParser } from './parser.ts';

export interface ReadOptions {
  /** For errors: which object it is. */
  readonly objectName: string;
  readonly limits?: Partial<SnapshotLimits>;
  readonly signal?: AbortSignal;
  /** Default: in the libuv pool. */
  readonly gunzip?: GunzipObject;
}

export interface SnapshotSummary extends SnapshotHeader, GunzipSummary {
  readonly dbis: number;
  readonly entries: number;
  /** How often the object was opened: 1, or 3 when header fields stood behind the entries. */
  readonly passes: number;
}

/** Opens the object from its beginning; called again for another pass over the same bytes. What is in memory in one piece is given so. */
export type OpenObject = () => AsyncIterable<Uint8Array> | Uint8Array;

/**
 * Reads a gzipped Snapshot message (docs/format.md; several members, any level, any order of fields) and tells the visitor,
 * in order: header, then each DBI with its entries. Memory does not grow with the object, only with its largest value.
 *
 * The object is good only when the promise resolves: whatever the visitor was given before a rejection must be thrown
 * away (I7). Versions and transforms are the visitor's to check and throw, with `checkVersions` and `checkTransform`;
 * a RefusedSnapshotError it throws for a header or a DBI counts only when no later field changes that header.
 *
 * @throws CorruptSnapshotError the bytes are not a snapshot, or not a whole one
 * @throws RefusedSnapshotError it is over a limit
 * @throws what `open` and the visitor throw, unchanged; the signal's reason
 */
export async function readSnapshot(
  open: OpenObject,
  visitor: SnapshotVisitor,
  options: ReadOptions,
): Promise<SnapshotSummary> {
  const run = new Run(open, options);
  const told: Told = { header: undefined, dbis: [] };
  let doubt: HeaderInDoubt;
  try {
    return await run.firstPass(visitor, told);
  } catch (error) {
    if (!(error instanceof HeaderInDoubt)) throw error;
    doubt = error;
  }
  const known = await run.headers();
  if (doubt.refusal && wasToldRight(told, known)) throw doubt.refusal;
  visitor.restart();
  return run.pass(visitor, 3, known);
}

/** What the visitor was told before entries; the DBI at hand last. */
interface Told {
  header: SnapshotHeader | undefined;
  readonly dbis: DbiHeader[];
}

function wasToldRight(told: Told, known: KnownHeaders): boolean {
  return (
    isDeepStrictEqual(told.header, known.header) && isDeepStrictEqual(told.dbis, known.dbis.slice(0, told.dbis.length))
  );
}

class Run {
  readonly #open: OpenObject;
  readonly #options: ReadOptions;
  readonly #limits: SnapshotLimits;

  constructor(open: OpenObject, options: ReadOptions) {
    this.#open = open;
    this.#options = options;
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits };
  }

  /** Takes header fields as they come; what the visitor refuses on their account is in doubt until all are known. */
  firstPass(visitor: SnapshotVisitor, told: Told): Promise<SnapshotSummary> {
    const tell = (call: () => void): void => {
      try {
        call();
      } catch (error) {
        throw error instanceof RefusedSnapshotError ? new HeaderInDoubt(error) : error;
      }
    };
    const doubting: ParseVisitor = {
      header: (header) => {
        told.header = header;
        tell(() => visitor.header(header));
      },
      dbi: (dbi) => {
        told.dbis.push(dbi);
        tell(() => visitor.dbi(dbi));
      },
      entry: (entry) => visitor.entry(entry),
      dbiEnd: () => visitor.dbiEnd?.(),
    };
    return this.pass(doubting, 1);
  }

  async pass(visitor: ParseVisitor, passes: number, known?: KnownHeaders): Promise<SnapshotSummary> {
    let header: SnapshotHeader | undefined;
    const parser = new SnapshotParser(
      {
        header: (found) => {
          header = found;
          visitor.header(found);
        },
        dbi: (dbi) => visitor.dbi(dbi),
        entry: (entry) => visitor.entry(entry),
        dbiEnd: () => visitor.dbiEnd?.(),
      },
      { ...this.#parserOptions(), ...(known && { known }) },
    );
    const sizes = await this.#feed(parser);
    return { ...header!, ...sizes, dbis: parser.dbiCount, entries: parser.entryCount, passes };
  }

  /** The pass over the headers: entries are passed over unread. */
  async headers(): Promise<KnownHeaders> {
    let header: SnapshotHeader | undefined;
    const dbis: DbiHeader[] = [];
    const parser = new SnapshotParser(
      {
        header: (found) => {
          header = found;
        },
        dbi: (dbi) => void dbis.push(dbi),
        entry: () => {},
      },
      { ...this.#parserOptions(), headersOnly: true },
    );
    await this.#feed(parser);
    return { header: header!, dbis };
  }

  #parserOptions(): { objectName: string; limits: SnapshotLimits } {
    return { objectName: this.#options.objectName, limits: this.#limits };
  }

  async #feed(parser: SnapshotParser): Promise<GunzipSummary> {
    const { objectName, signal, gunzip = gunzipTo } = this.#options;
    const take = (chunk: Buffer): void => parser.push(chunk);
    const sizes = await gunzip(this.#open(), take, { objectName, limits: this.#limits, signal });
    parser.finish();
    return sizes;
  }
}
