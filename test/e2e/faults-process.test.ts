import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it, onTestFailed, onTestFinished } from 'vitest';
import type { Application } from '../support/application/application.ts';
import { eventually } from '../support/eventually.ts';
import { randomOf } from '../support/random.ts';
import { type Fault, FaultProxy, useSeaweedfs } from '../support/servers/index.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { Machine, objectsIn, openPlace, placeWith, s3Place } from './buckets-machine.ts';

const seaweedfs = await useSeaweedfs();
const MIB = 2 ** 20;

const STORM: readonly Fault[] = [
  { kind: 'cut-before' },
  { kind: 'cut-after' },
  { kind: 'cut-body' },
  { kind: 'cut-upload' },
  { kind: 'corrupt-upload' },
  { kind: 'truncate-unannounced' },
  { kind: 'hang-body' },
  { kind: 'hang' },
  { kind: 'status', status: 500 },
  { kind: 'status', status: 503 },
];
/** Of every request, by each of the faults: about every third one fails. */
const SHARE = 0.04;

describe('real processes on a bad network', () => {
  it('a storm of faults, with a kill -9 in it: both converge to what was written last, and no object is refused', async () => {
    const seed = Number(process.env.FAULTS_SEED ?? Date.now() % 2 ** 31);
    onTestFailed(() => void process.stderr.write(`again with FAULTS_SEED=${seed}\n`));
    const random = randomOf(seed);
    const proxy = await FaultProxy.start(seaweedfs.endpointUrl);
    onTestFinished(() => proxy.stop());
    const place = s3Place(seaweedfs, { endpoint_url: proxy.url, client_timeout: '1s', use_update_marker: true });
    const folder = temporaryFolder();
    const a = await Machine.create(folder, 'a', { place });
    const b = await Machine.create(folder, 'b', { place });
    for (const { application, name } of [a, b]) await application.put('data', `of-${name}`, 'start');
    let aSyncer = a.start();
    const bSyncer = b.start();
    const expected: Record<string, string> = { 'of-a': 'start', 'of-b': 'start' };
    for (const machine of [a, b]) await machine.has(expected);
    proxy.set(...STORM.map((fault): Fault => ({ ...fault, match: () => random() < SHARE })));
    for (let round = 0; round < 12; round++) {
      for (const { application, name } of [a, b]) {
        const [key, value] = [`${name}-${Math.floor(random() * 6)}`, `round ${round}`];
        const isDeletion = random() < 0.3 && key in expected;
        await (isDeletion ? application.del('data', key) : application.put('data', key, value));
        if (isDeletion) delete expected[key];
        else expected[key] = value;
      }
      const { spoiled } = proxy;
      await eventually(() => proxy.spoiled > spoiled + 1);
      if (round !== 6) continue;
      await aSyncer.kill();
      aSyncer = a.start();
    }
    proxy.set();
    for (const machine of [a, b]) await machine.has(expected);
    for (const syncer of [aSyncer, bSyncer]) {
      expect(syncer.isRunning).toBe(true);
      expect(syncer.output).not.toMatch(/Refused|corrupt|instance name/);
      expect(await syncer.stop()).toBe(0);
    }
  }, 120_000);

  it('memory stays bounded while large stores and large loads fail again and again', async () => {
    const proxy = await FaultProxy.start(seaweedfs.endpointUrl);
    onTestFinished(() => proxy.stop());
    const folder = temporaryFolder();
    const place = s3Place(seaweedfs);
    const a = await Machine.create(folder, 'a', { place: placeWith(place, { endpoint_url: proxy.url }) });
    const b = await Machine.create(folder, 'b', { place });
    for (const { application, name } of [a, b]) await fillRandom(application, name, BODY_MIB);
    expect(await b.start({ args: ['--only-once'] }).ended()).toBe(0);
    proxy.set(
      { kind: 'status', status: 503, match: (method, path) => method === 'PUT' && path.includes('main__a__') },
      { kind: 'cut-body', match: (method, path) => method === 'GET' && path.includes('main__b__') },
    );
    const syncer = a.start();
    const replaced = async (): Promise<void> => {
      const { length } = proxy.requests;
      await a.application.put('data', 'replaces', String(length));
      await eventually(() => new Set(namesPut(proxy.requests.slice(length))).size > 0);
    };
    const loads = (): number => proxy.requests.filter((request) => /^GET .*main__b__/.test(request)).length;
    for (let count = 0; count < 3; count++) await replaced();
    const settledMib = mostMemoryMib(syncer.pid);
    const loadsBefore = loads();
    for (let count = 0; count < ROUNDS; count++) await replaced();
    await eventually(() => expect(loads() - loadsBefore).toBeGreaterThanOrEqual(ROUNDS));
    // One waiting body and one download are held; every further one kept would add its size.
    expect(mostMemoryMib(syncer.pid) - settledMib).toBeLessThan((ROUNDS * BODY_MIB) / 2);
    const storage = await openPlace(place);
    expect(await objectsIn(storage, 'a')).toEqual([]);
    proxy.set();
    const last = `random-${BODY_MIB - 1}`;
    await eventually(async () => expect(await a.application.dbis()).toHaveProperty('of-b'));
    expect(await a.application.scan('of-b')).toEqual(await b.application.scan('of-b'));
    await eventually(async () => expect(await objectsIn(storage, 'a')).not.toEqual([]));
    expect(Buffer.from((await a.application.scan('of-b')).at(-1)![0], 'hex').toString()).toBe(last);
    expect(await syncer.stop()).toBe(0);
  }, 180_000);
});

const BODY_MIB = 8;
const ROUNDS = 24;

/** So many MiB that no compression makes smaller. */
async function fillRandom(application: Application, name: string, mib: number): Promise<void> {
  for (let index = 0; index < mib; index++) {
    await application.put(`of-${name}`, `random-${index}`, randomBytes(MIB));
  }
}

const namesPut = (requests: readonly string[]): string[] => requests.filter((request) => request.startsWith('PUT '));

/** The most physical memory the process ever had. */
function mostMemoryMib(pid: number): number {
  const kib = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kib) / 1024;
}
