import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { buildSnapshotName, toTimestampNano } from '../../src/snapshot/index.ts';
import { fsPlace } from '../e2e/buckets-machine.ts';
import { objectsOf, type Syncer } from '../e2e/product.ts';
import { eventually } from '../support/eventually.ts';
import { dbiOf, objectOf } from '../support/objects/objects.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { CrashMachine, errorsOf, preload } from './crash-machine.ts';
import { scenario, sized } from './scenario.ts';

const SECOND = 1_000;
const DAY = 86_400 * SECOND;
const YEAR = 365 * DAY;
const OFFSETS_MS = [1, 50, SECOND, 60 * SECOND, 3_600 * SECOND, DAY, 30 * DAY, YEAR, 10 * YEAR];

/** A machine whose clock is set while it runs. */
class ClockMachine {
  readonly machine: CrashMachine;
  readonly #file: string;
  syncer: Syncer | undefined;

  constructor(folder: string, machine: CrashMachine) {
    this.machine = machine;
    this.#file = join(folder, `${machine.name}.offset`);
    this.set(0);
  }

  set(offsetMs: number): void {
    // In one step: it is read at any moment.
    writeFileSync(`${this.#file}.new`, String(offsetMs));
    renameSync(`${this.#file}.new`, this.#file);
  }

  start(): Syncer {
    this.syncer = this.machine.start({ env: { ...preload('clock'), CLOCK_OFFSET: this.#file } });
    return this.syncer;
  }

  async has(key: string, value: string | undefined): Promise<void> {
    const what = `${this.machine.name}: ${key} is ${value}`;
    await eventually(async () => expect((await this.machine.reader.texts('data'))[key]).toBe(value), {
      what,
      deadlineMs: 60_000,
    });
  }

  async write(key: string, value: string | undefined): Promise<void> {
    const { reader } = this.machine;
    await (value === undefined ? reader.del('data', key) : reader.put('data', key, value));
  }
}

async function pair(): Promise<[ClockMachine, ClockMachine, string]> {
  const folder = temporaryFolder();
  const bucket = join(folder, 'bucket');
  const options = { place: fsPlace(bucket), more: { delta_interval: '10ms' } };
  const machines = await Promise.all(['a', 'b'].map((name) => CrashMachine.create(folder, name, options)));
  const [a, b] = machines.map((machine) => new ClockMachine(folder, machine)) as [ClockMachine, ClockMachine];
  return [a, b, bucket];
}

/** The clocks differ, and are wrong: lines about that are not errors. */
async function stop(...machines: readonly ClockMachine[]): Promise<void> {
  for (const { syncer } of machines) {
    expect(await syncer!.stop()).toBe(0);
    expect(errorsOf(syncer!)).toEqual([]);
  }
}

describe('clocks', () => {
  scenario(
    'that are set back and forth by a millisecond to ten years while it runs: who saw a value and replaces it wins',
    async (run) => {
      const [a, b] = await pair();
      for (const { machine } of [a, b]) await machine.reader.put('data', machine.name, 'start');
      for (const one of [a, b]) one.start();
      await a.has('b', 'start');
      await b.has('a', 'start');
      for (let step = 0; step < sized(24, 200); step++) {
        const setting = run.random() < 0.5 ? a : b;
        const offsetMs = OFFSETS_MS[Math.floor(run.random() * OFFSETS_MS.length)]! * (run.random() < 0.5 ? -1 : 1);
        setting.set(run.random() < 0.2 ? 0 : offsetMs);
        const [first, second] = run.random() < 0.5 ? [a, b] : [b, a];
        await first.write('k', `step ${step}`);
        await second.has('k', `step ${step}`);
        // It has seen that value: its change is later, whatever the clocks say.
        const answer = run.random() < 0.3 ? undefined : `answer ${step}`;
        await second.write('k', answer);
        await first.has('k', answer);
        run.round();
      }
      await stop(a, b);
    },
    180_000,
  );

  it('an instance whose clock went back by ten years is still read, also after a restart', async () => {
    const [a, b, bucket] = await pair();
    for (const one of [a, b]) one.start();
    a.set(10 * YEAR);
    await a.write('k', 'in the future');
    await b.has('k', 'in the future');
    const year = new Date(Date.now() + 10 * YEAR).getUTCFullYear();
    expect(objectsOf(bucket).filter((name) => name.startsWith(`main__a__${year}`))).not.toEqual([]);
    a.set(0);
    await a.write('other', 'in the present');
    await b.has('other', 'in the present');
    expect(await a.syncer!.stop()).toBe(0);
    await a.write('k', 'while it was stopped');
    a.start();
    await b.has('k', 'while it was stopped');
    await stop(a, b);
  }, 120_000);

  it('two changes of one nanosecond: all choose the same, in whatever order they come', async () => {
    const [a, b, bucket] = await pair();
    for (const one of [a, b]) one.start();
    const nano = BigInt(Date.now()) * 1_000_000n;
    const deliver = (instanceId: string, value: string | undefined): void => {
      const parts = { databaseName: 'main', instanceId, generationId: 'GX', kind: 'snapshot' } as const;
      const name = buildSnapshotName({ ...parts, timestampNano: toTimestampNano(nano) });
      writeFileSync(join(bucket, `.${name}`), objectOf([dbiOf('data', [{ key: 'k', value, nano }])]));
      renameSync(join(bucket, `.${name}`), join(bucket, name));
    };
    await a.write('own', 'a');
    await b.has('own', 'a');
    deliver('x', 'larger');
    await a.has('k', 'larger');
    deliver('y', 'big');
    // The lower value by bytes.
    for (const one of [a, b]) await one.has('k', 'big');
    deliver('z', 'more');
    // Seen by now, and it changed nothing.
    for (const one of [a, b]) await eventually(() => one.syncer!.output.includes('main__z__'));
    const joiner = await CrashMachine.create(temporaryFolder(), 'c', { place: fsPlace(bucket) });
    joiner.start();
    await eventually(async () => expect(await joiner.reader.texts('data')).toEqual({ k: 'big', own: 'a' }));
    for (const one of [a, b]) await one.has('k', 'big');
    await stop(a, b);
  }, 120_000);
});
