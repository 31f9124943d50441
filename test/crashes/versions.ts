import { expect } from 'vitest';
import type { EntryRef, SnapshotVisitor } from '../../src/snapshot/index.ts';
import type { WriterReport } from '../support/application/writer.ts';
import { eventually } from '../support/eventually.ts';
import {
  assertRecorded,
  assertSameMap,
  type Contents,
  digestOf,
  idOf,
  type Version,
  valuesOf,
  versionsOf,
} from './content.ts';

/**
 * Every time that was seen with a version of an entry, in objects and LMDBs. Applications never write a value twice (`writer.py`), so a value with
 * a second time was stamped by somebody who did not make it (I12). All machines would agree on that in the end, for it travels.
 */
export class Versions {
  /** By id and digest: each time, and where it was seen first. */
  readonly #times = new Map<string, Map<bigint, string>>();

  /** Adds what is in an object, when `done` is called: it must be whole first. */
  ofObject(objectName: string): SnapshotVisitor & { done(): void } {
    let found: (readonly [string, Version])[] = [];
    let dbiName = '';
    return {
      header() {},
      restart() {
        found = [];
      },
      dbi({ name }) {
        dbiName = name;
      },
      entry: (entry) => {
        found.push([`${dbiName}/${entry.buffer.toString('latin1', entry.keyStart, entry.keyEnd)}`, versionIn(entry)]);
      },
      done: () => this.add(objectName, found),
    };
  }

  add(where: string, versions: Iterable<readonly [id: string, version: Version]>): void {
    for (const [id, { nano, digest }] of versions) {
      const name = nameOf(id, digest);
      const times = this.#times.get(name);
      if (!times) this.#times.set(name, new Map([[nano, where]]));
      else if (!times.has(nano)) times.set(nano, where);
    }
  }

  get size(): number {
    return this.#times.size;
  }

  /**
   * What has more times than changes: of a value one, of a pair, and of a deletion, as many as the applications have made.
   * @returns what it is, how many are right, and each time with where it was seen first
   */
  restamped(reports: readonly WriterReport[]): string[][] {
    const changes = new Map<string, number>();
    const count = (name: string, times: number): void => void changes.set(name, (changes.get(name) ?? 0) + times);
    for (const { puts, deleted } of reports) {
      for (const [what, times] of Object.entries(deleted)) count(nameOf(idOf(what), undefined), times);
      for (const [what, times] of Object.entries(puts)) {
        count(nameOf(idOf(what), digestOf(Buffer.from(what.split('/')[2]!, 'latin1'))), times);
      }
    }
    const mostOf = (name: string): number => changes.get(name) ?? (name.endsWith(DELETED) ? 0 : 1);
    const wrong = [...this.#times].filter(([name, { size }]) => size > mostOf(name));
    return wrong.map(([name, times]) => [
      name,
      String(mostOf(name)),
      ...[...times].map(([nano, where]) => `${nano} ${where}`),
    ]);
  }
}

const DELETED = ' deleted';

const nameOf = (id: string, digest: string | undefined): string => (digest ? `${id} ${digest}` : id + DELETED);

function versionIn({ buffer, valueStart, valueEnd, timestampHi, timestampLo, flags }: EntryRef): Version {
  const nano = (BigInt(timestampHi) << 32n) | BigInt(timestampLo);
  return { nano, digest: flags & 1 ? undefined : digestOf(buffer.subarray(valueStart, valueEnd)) };
}

const shown = (versions: ReadonlyMap<string, Version>): Map<string, string> =>
  new Map([...versions].map(([id, { nano, digest = 'deleted' }]) => [id, `${digest} at ${nano}`]));

/**
 * Waits until all have the same entries, with the same times, deletion marks among them; nothing sweeps.
 * @returns these
 */
export function untilSameVersions(all: readonly Contents[], deadlineMs = 60_000): Promise<Map<string, Version>> {
  return eventually(
    async () => {
      const [first, ...others] = await Promise.all(
        all.map(async (one) => {
          const versions = await versionsOf(one);
          assertRecorded(await valuesOf(one), versions);
          return versions;
        }),
      );
      for (const other of others) assertSameMap(shown(first!), shown(other));
      return first!;
    },
    { deadlineMs, intervalMs: 200, what: 'the same time of each entry on all machines' },
  );
}

/** In native mode the times are the applications': of its own entries each knows the last one. */
export function assertTimesAcknowledged(agreed: ReadonlyMap<string, Version>, reports: readonly WriterReport[]): void {
  const times = reports.flatMap(({ times }) => Object.entries(times));
  const wrong = times.filter(([id, nano]) => String(agreed.get(id)?.nano) !== nano);
  expect(wrong.slice(0, 3)).toEqual([]);
}
