import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { DEBIANS_OWN, PowerDns } from '../support/application/pdns.ts';
import { eventually } from '../support/eventually.ts';
import { Syncer, writeConfig } from './product.ts';

/** A machine of a fleet: a PowerDNS and our process beside it, which share nothing but LMDB files. */
export class PdnsMachine {
  readonly pdns: PowerDns;
  readonly name: string;
  /** Of our process; another one holds from its next start on. */
  config: string;
  #syncer: Syncer | undefined;

  private constructor(folder: string, name: string, pdns: PowerDns, isNative: boolean) {
    this.name = name;
    this.pdns = pdns;
    const common = {
      options: { no_subdir: true, create: true },
      schema_tracks_changes: isNative,
      dupsort_hack: !isNative,
    };
    this.config = writeConfig(folder, name, {
      lmdbs: { main: { path: pdns.mainPath, ...common }, 'shard-0': { path: pdns.shardPath, ...common } },
      bucket: join(folder, 'bucket'),
    });
  }

  /** Nothing of it runs yet, and no LMDB is there. */
  static async create(folder: string, name: string, program = DEBIANS_OWN): Promise<PdnsMachine> {
    const isNative = program !== DEBIANS_OWN;
    return new PdnsMachine(folder, name, await PowerDns.create(join(folder, name), { program }), isNative);
  }

  startSyncer(): void {
    this.#syncer = new Syncer({ config: this.config, instance: this.name });
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
export async function pdnsPair(folder: string, program = DEBIANS_OWN): Promise<[a: PdnsMachine, b: PdnsMachine]> {
  const a = await PdnsMachine.create(folder, 'a', program);
  const b = await PdnsMachine.create(folder, 'b', program);
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

/** Until it answers so; nothing: a name that does not exist, or a zone that is refused. */
export function answersOn(machine: PdnsMachine, name: string, type: string, expected: string[]): Promise<void> {
  return eventually(async () => expect(await machine.pdns.answers(name, type)).toEqual(expected), {
    deadlineMs: 60_000,
    intervalMs: 150,
    what: `${name} ${type} = ${expected.join(' ') || 'nothing'} on ${machine.name}`,
  });
}

/** Until both list these zones with the same records, and PowerDNS finds no fault with either. */
export async function expectSameZones([a, b]: readonly [PdnsMachine, PdnsMachine], zones: string[]): Promise<void> {
  const options = { deadlineMs: 60_000, intervalMs: 500, what: `${zones.length} zones on both machines` };
  await eventually(async () => {
    for (const { pdns } of [a, b]) expect(await pdns.zones()).toEqual([...zones].sort());
    for (const zone of zones) expect(await b.pdns.records(zone)).toEqual(await a.pdns.records(zone));
  }, options);
  for (const { pdns } of [a, b]) expect(await pdns.util('check-all-zones')).toContain(' 0 had errors');
}
