import type { ObjectInfo } from '../types.ts';

/** A file that was written to so lately may still be (`cp`, `scp`): it is looked at again and again. */
const SETTLED_AFTER_MS = 10_000;
/** How long a look at one of those counts at least: shorter than a poll interval. The longer it rested, the less is it still written to. */
const KEEP_YOUNG_MS = 900;
/** A file that somebody wrote over although objects never change is noticed after this at the latest. */
const KEEP_MS = 60_000;

interface Kept {
  readonly info: ObjectInfo;
  readonly seenMs: number;
  readonly keepMs: number;
}

/**
 * What is known of the files of a folder. Objects never change once they are there, and asking for one costs 10 µs: of 20,000
 * that is a fifth of a core, every second.
 */
export class KeptInfos {
  readonly #now: () => number;
  #kept = new Map<string, Kept>();

  constructor(now: () => number) {
    this.#now = now;
  }

  get(name: string): ObjectInfo | undefined {
    const kept = this.#kept.get(name);
    // A clock that was set back gives a negative age.
    return kept !== undefined && Math.abs(this.#now() - kept.seenMs) < kept.keepMs ? kept.info : undefined;
  }

  /** `changedMs`: the last change of the file, its ctime. */
  add(info: ObjectInfo, changedMs: number): void {
    const seenMs = this.#now();
    const restedMs = seenMs - changedMs;
    const keepMs = restedMs > SETTLED_AFTER_MS ? KEEP_MS : Math.max(KEEP_YOUNG_MS, restedMs);
    this.#kept.set(info.name, { info, seenMs, keepMs });
  }

  drop(name: string): void {
    this.#kept.delete(name);
  }

  /** Forgets what is not among the names of the whole folder. */
  keepOnly(names: readonly string[]): void {
    if (this.#kept.size === 0) return;
    const left = new Map<string, Kept>();
    for (const name of names) {
      const kept = this.#kept.get(name);
      if (kept !== undefined) left.set(name, kept);
    }
    this.#kept = left;
  }
}
