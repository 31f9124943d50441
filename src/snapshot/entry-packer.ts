import type { Spool } from '../storage/index.ts';
import { type Block, type EncodableEntry, EntryEncoder } from './encode-entry.ts';
import { type CompressMember, compressMember } from './members.ts';
import type { PackedEntries } from './message.ts';

export interface PackerOptions {
  /** Where members go that are too many for memory; empty, and the packer's from now on. */
  readonly spool: Spool;
  readonly compress?: CompressMember;
  /** Raw bytes per gzip member; default 2 MiB. */
  readonly memberSizeBytes?: number;
}

/** What was packed, in the order of its runs. */
export interface PackedRuns {
  readonly runs: readonly PackedEntries[];
  dispose(): void;
}

/** Each job of the pool costs this thread 0.4 ms, which fills a shadow meanwhile. */
const DEFAULT_MEMBER_BYTES = 2 << 20;
/** Members that may wait for the pool, or for this thread to take them back: it may be busy under a lock for long. */
const MAX_AHEAD = 12;
/** So many may go on waiting while it goes on. */
const FEW_AHEAD = 4;
/** Compressed bytes in memory. */
const KEPT_BYTES = 24 * 1024 * 1024;
const CHUNK_BYTES = 256 * 1024;

/** Where a run begins; it ends where the next one does. */
interface Run {
  readonly firstMember: number;
  readonly entriesBefore: number;
  readonly bytesBefore: number;
}

/** The raw bytes of a member on their way. */
interface Job {
  readonly raw: Buffer;
  readonly done: Promise<void>;
  member?: Buffer;
}

/**
 * Encodes and compresses entries while they are at hand for another reason, before anything is known of the snapshot that they will be
 * part of: `encodeSnapshot` puts them into it as they are (`DbiSource.packed`). `add` only hands work to the pool; between two rows of
 * calls the caller lets it `settle`, and gives no more while it is full. Memory does not grow with the entries.
 */
export class EntryPacker {
  readonly #spool: Spool;
  readonly #compress: CompressMember;
  readonly #memberSizeBytes: number;
  readonly #encoder = new EntryEncoder();
  readonly #runs: Run[] = [];
  /** Members as the pool gave them, until they are too many; all of them together, then, go to the spool. */
  #kept: Buffer[] = [];
  #keptBytes = 0;
  /** Where each member ends in the spool. */
  readonly #ends: number[] = [];
  readonly #jobs: Job[] = [];
  readonly #free: Buffer[] = [];
  #block: Block;
  #members = 0;
  #hasFailed = false;

  constructor({ spool, compress = compressMember, memberSizeBytes = DEFAULT_MEMBER_BYTES }: PackerOptions) {
    this.#spool = spool;
    this.#compress = compress;
    this.#memberSizeBytes = memberSizeBytes;
    this.#block = this.#emptyBlock();
  }

  /** Whether nothing will come of it: an entry is larger than a member, or the pool or the spool failed. */
  get hasFailed(): boolean {
    return this.#hasFailed;
  }

  /** Whether it has to `settle` before it is given more. */
  get isFull(): boolean {
    return this.#jobs.length >= MAX_AHEAD;
  }

  /** What follows is another run: the entries of another DBI. */
  begin(): void {
    this.#submit();
    this.#runs.push({
      firstMember: this.#members,
      entriesBefore: this.#encoder.entries,
      bytesBefore: this.#encoder.bytes,
    });
  }

  /** The bytes are read before it returns. */
  add(entry: EncodableEntry): void {
    if (this.#hasFailed || this.#encoder.add(entry, this.#block)) return;
    this.#submit();
    if (!this.#encoder.add(entry, this.#block)) this.#hasFailed = true;
  }

  /** Takes back what the pool has done; waits only where much is left. */
  async settle(leave = FEW_AHEAD): Promise<void> {
    for (let job = this.#jobs[0]; job; job = this.#jobs[0]) {
      if (!job.member && this.#jobs.length <= leave) return;
      await job.done;
      this.#jobs.shift();
      this.#free.push(job.raw);
      if (job.member) this.#keep(job.member);
    }
  }

  /** @returns undefined when it has failed; the spool is gone then */
  async finish(): Promise<PackedRuns | undefined> {
    this.#submit();
    await this.settle(0);
    if (this.#hasFailed) {
      this.dispose();
      return undefined;
    }
    return { runs: this.#runs.map((_, index) => this.#packed(index)), dispose: () => this.dispose() };
  }

  /** Gives it up; what the pool does for it comes to nothing. */
  dispose(): void {
    this.#hasFailed = true;
    this.#kept = [];
    this.#spool.dispose();
  }

  #packed(index: number): PackedEntries {
    const { firstMember, entriesBefore, bytesBefore } = this.#runs[index]!;
    const next = this.#runs[index + 1];
    const endMember = next?.firstMember ?? this.#members;
    return {
      entries: (next?.entriesBefore ?? this.#encoder.entries) - entriesBefore,
      bytes: (next?.bytesBefore ?? this.#encoder.bytes) - bytesBefore,
      members: endMember - firstMember,
      chunks: () => this.#chunks(firstMember, endMember),
    };
  }

  *#chunks(firstMember: number, endMember: number): Generator<Buffer, void, void> {
    if (this.#ends.length === 0) {
      yield* this.#kept.slice(firstMember, endMember);
      return;
    }
    const end = this.#ends[endMember - 1] ?? 0;
    for (let at = this.#ends[firstMember - 1] ?? 0; at < end; ) {
      const chunk = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, end - at));
      at += this.#spool.readSync(at, chunk);
      yield chunk;
    }
  }

  #submit(): void {
    const { raw, length } = this.#block;
    if (length === 0 || this.#hasFailed) return;
    const job: Job = {
      raw,
      done: this.#compress(raw.subarray(0, length)).then(
        (member) => {
          job.member = member;
        },
        () => {
          this.#hasFailed = true;
        },
      ),
    };
    this.#jobs.push(job);
    this.#members++;
    this.#block = this.#emptyBlock();
  }

  #keep(member: Buffer): void {
    if (this.#hasFailed) return;
    this.#kept.push(member);
    this.#keptBytes += member.length;
    if (this.#ends.length === 0 && this.#keptBytes <= KEPT_BYTES) return;
    try {
      for (const kept of this.#kept.splice(0)) {
        this.#spool.append(kept);
        this.#ends.push(this.#spool.sizeBytes);
      }
    } catch {
      // The disk is full, or gone: it is encoded later as ever.
      this.#hasFailed = true;
    }
  }

  #emptyBlock(): Block {
    return { raw: this.#free.pop() ?? Buffer.allocUnsafeSlow(this.#memberSizeBytes), length: 0 };
  }
}
