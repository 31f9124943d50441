import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { PowerDns } from '../support/application/pdns.ts';
import { eventually } from '../support/eventually.ts';
import { Syncer, writeConfig } from './product.ts';

/** A machine of a fleet: a PowerDNS and our process beside it, which share nothing but LMDB files. */
export class PdnsMachine {
  readonly pdns: PowerDns;
  readonly #name: string;
  readonly #config: string;
  #syncer: Syncer | undefined;

  private constructor(folder: string, name: string, pdns: PowerDns) {
    this.#name = name;
    this.pdns = pdns;
    const common = { options: { no_subdir: true, create: true }, schema_tracks_changes: false, dupsort_hack: true };
    this.#config = writeConfig(folder, name, {
      lmdbs: { main: { path: pdns.mainPath, ...common }, 'shard-0': { path: pdns.shardPath, ...common } },
      bucket: join(folder, 'bucket'),
    });
  }

  /** Nothing of it runs yet, and no LMDB is there. */
  static async create(folder: string, name: string): Promise<PdnsMachine> {
    return new PdnsMachine(folder, name, await PowerDns.create(join(folder, name)));
  }

  startSyncer(): void {
    this.#syncer = new Syncer({ config: this.#config, instance: this.#name });
  }

  get syncer(): Syncer {
    return this.#syncer!;
  }

  /** What the process beside PowerDNS said at the end; nothing if it was never started. */
  get lastWords(): string {
    return this.#syncer?.output.slice(-20_000) ?? '';
  }

  async stop(): Promise<void> {
    if (this.#syncer?.isRunning) await this.#syncer.kill();
    await this.pdns.stop();
  }
}

/** Two machines, which end with the test; when it fails, their last words are shown. */
export async function pdnsPair(folder: string): Promise<[a: PdnsMachine, b: PdnsMachine]> {
  const a = await PdnsMachine.create(folder, 'a');
  const b = await PdnsMachine.create(folder, 'b');
  onTestFinished(async ({ task }) => {
    await Promise.all([a.stop(), b.stop()]);
    if (task.result?.state !== 'fail') return;
    for (const { lastWords } of [a, b]) process.stderr.write(`${lastWords}\n`);
  });
  return [a, b];
}

/** Until a zone whose `www` is 192.0.2.7 is answered. @throws with what is missing: the process, the zone in the LMDB, or the answer */
export async function zoneAnswers({ pdns, syncer }: PdnsMachine, zone: string): Promise<void> {
  const name = `www.${zone}`;
  const answers = async () => expect(await pdns.answers(name, 'A')).toEqual(['192.0.2.7']);
  await eventually(answers, { deadlineMs: 50_000, intervalMs: 200, what: `${zone} answers` }).catch(async (error) => {
    const records = await pdns.records(zone).catch((missing: Error) => [missing.message]);
    const state = `lmdbstream ${syncer.isRunning ? 'runs' : 'has ended'}, PowerDNS says ${await pdns.status(name, 'A')}`;
    throw new Error(`${error.message}: ${state}, its LMDB has ${JSON.stringify(records)}`, { cause: error });
  });
}
