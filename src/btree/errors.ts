import { LmdbstreamError } from '../errors/index.ts';
import { showDbiName } from '../lmdb/index.ts';

/** The data file is not in the format that this reader knows (liblmdb 0.9, data version 1). Cursors may still read it. */
export class UnknownFormatError extends LmdbstreamError {
  constructor(message: string) {
    super('UNKNOWN_FORMAT', message, { hint: 'pages are not read directly; the database is scanned through liblmdb' });
  }
}

/** A page holds something that no LMDB page may hold (I7): refused before it is used, never followed. */
export class CorruptPageError extends LmdbstreamError {
  readonly pageNumber: number;

  constructor(pageNumber: number, what: string) {
    super('CORRUPT_PAGE', `page ${pageNumber}: ${what}`, { hint: 'check the database with mdb_stat and mdb_copy' });
    this.pageNumber = pageNumber;
  }
}

/** How an error names a file, and what it says to do. */
export interface CutShortFile {
  /** What it is, before its path: `the LMDB`. */
  readonly subject: string;
  readonly hint: string;
}

/** The data file ends before pages that it needs. liblmdb must not read in it: behind the end the system ends the process (SIGBUS). */
export class CutShortError extends LmdbstreamError {
  readonly sizeBytes: number;
  /** What its meta page says. */
  readonly neededBytes: number;

  constructor(
    path: string,
    { sizeBytes, neededBytes }: Pick<CutShortError, 'sizeBytes' | 'neededBytes'>,
    { subject, hint }: CutShortFile,
    cause?: unknown,
  ) {
    const what = `it has ${sizeBytes} bytes, and its meta page speaks of ${neededBytes}`;
    super('CUT_SHORT', `${subject} ${path} is cut short: ${what}`, { hint, cause });
    this.sizeBytes = sizeBytes;
    this.neededBytes = neededBytes;
  }
}

/**
 * A well-formed tree whose entries are not in the order that the DBI's flags say: the application orders them by a comparator
 * of its own. LMDB does not keep such an order in the file, and whoever writes without knowing it damages the DBI: nothing of
 * it may be written, nor may a merge be made of it.
 *
 * Damage can look the same, and is refused the same.
 *
 * It is found only where the two orders differ among the entries that are there. A DBI of a few keys, or one whose keys
 * happen to sort alike in both orders, looks like any other.
 */
export class CustomOrderError extends LmdbstreamError {
  readonly dbiName: string;

  constructor(dbiName: string, what: 'keys' | 'duplicates') {
    const call = what === 'keys' ? 'mdb_set_compare' : 'mdb_set_dupsort';
    const subject = dbiName === '' ? 'the unnamed DBI' : `DBI ${showDbiName(dbiName)}`;
    super('CUSTOM_ORDER', `${subject} is ordered by the application itself: its ${what} are not in LMDB's order`, {
      hint: `an order set with ${call} is not in the file, so this DBI cannot be synchronised: keep it in an LMDB of its own, or use an order of LMDB's (plain bytes, MDB_INTEGERKEY, MDB_REVERSEKEY); if the application sets none, the file is damaged: restore it`,
    });
    this.dbiName = dbiName;
  }
}
