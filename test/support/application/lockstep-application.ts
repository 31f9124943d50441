import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ApplicationError, type ApplicationOptions, type ApplicationWrite } from './application.ts';

/**
 * The application of `application.py`, called without giving up the thread: a test can let it commit at any instruction of
 * synchronous code, for example between our read view and our write lock (I3).
 */
export class LockstepApplication {
  readonly #child: ChildProcess;
  readonly #folder: string;
  readonly #requests: number;
  readonly #answers: number;
  #unread = '';

  private constructor(child: ChildProcess, folder: string, requests: number, answers: number) {
    this.#child = child;
    this.#folder = folder;
    this.#requests = requests;
    this.#answers = answers;
    this.#answer();
  }

  static start(): LockstepApplication {
    const folder = mkdtempSync(join(tmpdir(), 'lmdbstream-lockstep-'));
    const paths = [join(folder, 'requests'), join(folder, 'answers')] as const;
    execFileSync('mkfifo', paths);
    const [theirInput, requests] = endsOf(paths[0]);
    const [answers, theirOutput] = endsOf(paths[1]);
    const program = join(import.meta.dirname, 'application.py');
    const child = spawn('/usr/bin/python3', [program], { stdio: [theirInput, theirOutput, 'inherit'] });
    // Only the child has its ends now: when this process is gone, it finds the end of its input, and ends too.
    closeSync(theirInput);
    closeSync(theirOutput);
    return new LockstepApplication(child, folder, requests, answers);
  }

  open(path: string, options: ApplicationOptions = {}): void {
    this.#call({ do: 'open', path, ...options });
  }

  close(): void {
    this.#call({ do: 'close' });
  }

  /** One transaction, or part of the held one. @returns its id */
  batch(...writes: ApplicationWrite[]): number {
    return this.#call({ do: 'batch', writes: writes.map(hexed) }) as number;
  }

  put(dbi: string, key: Uint8Array | string, value: Uint8Array | string, flags = 0): number {
    return this.batch({ op: 'put', dbi, key, value, flags });
  }

  del(dbi: string, key: Uint8Array | string): number {
    return this.batch({ op: 'del', dbi, key });
  }

  /** Every pair of a DBI in LMDB's order, as hex. */
  scan(dbi: string): [key: string, value: string][] {
    return this.#call({ do: 'scan', dbi }) as [string, string][];
  }

  /** The pairs of a DBI as text; none where there is no such DBI. */
  texts(dbi: string): Record<string, string> {
    const { [dbi]: flags } = this.#call({ do: 'dbis' }) as Record<string, number>;
    if (flags === undefined) return {};
    const text = (hex: string): string => Buffer.from(hex, 'hex').toString('utf8');
    return Object.fromEntries(this.scan(dbi).map(([key, value]) => [text(key), text(value)]));
  }

  /** Opens `count` read transactions and keeps them. @returns the first one's number; the others follow */
  holdRead(count = 1): number {
    return this.#call({ do: 'hold_read', count }) as number;
  }

  releaseRead(read: number): void {
    this.#call({ do: 'release_read', read });
  }

  begin(): number {
    return this.#call({ do: 'begin' }) as number;
  }

  commit(): void {
    this.#call({ do: 'commit' });
  }

  abort(): void {
    this.#call({ do: 'abort' });
  }

  resize(mapSizeBytes: number): void {
    this.#call({ do: 'resize', mapSizeBytes });
  }

  info(): { map_size: number; last_pgno: number; last_txnid: number } {
    return this.#call({ do: 'info' }) as { map_size: number; last_pgno: number; last_txnid: number };
  }

  /** Ends the process by its own pid. */
  async stop(): Promise<void> {
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exited;
    closeSync(this.#requests);
    closeSync(this.#answers);
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #call(request: object): unknown {
    writeSync(this.#requests, `${JSON.stringify(request)}\n`);
    return this.#answer();
  }

  #answer(): unknown {
    const chunk = Buffer.alloc(64 * 1024);
    while (!this.#unread.includes('\n')) this.#unread += chunk.toString('utf8', 0, readSync(this.#answers, chunk));
    const end = this.#unread.indexOf('\n');
    const answer = JSON.parse(this.#unread.slice(0, end)) as { ok?: unknown; error?: string; message?: string };
    this.#unread = this.#unread.slice(end + 1);
    if (answer.error !== undefined) throw new ApplicationError(answer.error, answer.message ?? '');
    return answer.ok;
  }
}

/** The two ends of a named pipe; while both directions are open, no opening waits for the other end. */
function endsOf(path: string): [reading: number, writing: number] {
  const both = openSync(path, 'r+');
  const ends: [number, number] = [openSync(path, 'r'), openSync(path, 'w')];
  closeSync(both);
  return ends;
}

const toHex = (data: Uint8Array | string): string => Buffer.from(data as Uint8Array).toString('hex');

function hexed(write: ApplicationWrite): object {
  if (write.op !== 'put' && write.op !== 'del') return write;
  const { value } = write;
  return { ...write, key: toHex(write.key), ...(value === undefined ? {} : { value: toHex(value) }) };
}
