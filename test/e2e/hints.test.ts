import { describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { sampleOf } from '../support/exposition.ts';
import { useSeaweedfs } from '../support/servers/index.ts';
import { freePorts } from '../support/servers/processes.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { Machine, s3Place } from './buckets-machine.ts';

const seaweedfs = await useSeaweedfs();
/** Nobody finds anything by polling before the test has long failed. */
const SELDOM = { storage_poll_interval: '1h' };

/** A hint before its worker has begun is lost. */
async function isRunning(url: string): Promise<void> {
  await eventually(
    async () =>
      sampleOf(await (await fetch(`${url}/metrics`)).text(), 'lmdbstream_phase{lmdb="main",phase="running"}') === 1,
    { what: `${url} runs` },
  );
}

describe('hints between two real processes over S3', () => {
  it.each([false, true])('changes travel by hints alone; update markers: %s', async (useUpdateMarker) => {
    const folder = temporaryFolder();
    const place = s3Place(seaweedfs, { use_update_marker: useUpdateMarker });
    const ports = await freePorts(3);
    const urls = ports.map((port) => `http://127.0.0.1:${port}`);
    const http = (at: number) => ({ http: { address: `127.0.0.1:${ports[at]}` } });
    // Both have the whole list, themselves included, and a machine that is down.
    const a = await Machine.create(folder, 'a', { place, more: { ...SELDOM, ...http(0), peers: urls } });
    const b = await Machine.create(folder, 'b', { place, more: { ...SELDOM, ...http(1), peers: urls } });
    const bSyncer = b.start();
    await isRunning(urls[1]!);
    await a.application.put('data', 'first', '1');
    const aSyncer = a.start();
    await b.has({ first: '1' });
    for (let n = 2; n < 8; n++) {
      const [from, to] = n % 2 === 0 ? [b, a] : [a, b];
      await from.application.put('data', 'first', `${n}`);
      await to.has({ first: `${n}` });
    }
    // The last words of a process that stops are told as well.
    await a.application.put('data', 'last', 'of a');
    expect(await aSyncer.stop()).toBe(0);
    await b.has({ first: '7', last: 'of a' });
    expect(await bSyncer.stop()).toBe(0);
    for (const { output } of [aSyncer, bSyncer]) {
      // The machine that is down, and nobody else.
      const told = output.split('\n').filter((line) => line.includes('does not take hints'));
      expect(told.length).toBeGreaterThan(0);
      expect(told.filter((line) => JSON.parse(line).peer !== `127.0.0.1:${ports[2]}`)).toEqual([]);
    }
  });

  it('a sender needs no http.address, and a receive-only peer listens too', async () => {
    const folder = temporaryFolder();
    const place = s3Place(seaweedfs);
    const [port] = await freePorts(1);
    const address = `127.0.0.1:${port}`;
    const a = await Machine.create(folder, 'a', { place, more: { ...SELDOM, peers: [`http://${address}`] } });
    const b = await Machine.create(folder, 'b', { place, more: { ...SELDOM, http: { address } } });
    const bSyncer = b.start({ command: 'receive' });
    await isRunning(`http://${address}`);
    await a.application.put('data', 'k', '1');
    const aSyncer = a.start();
    await b.has({ k: '1' });
    await a.application.put('data', 'k', '2');
    await b.has({ k: '2' });
    for (const syncer of [aSyncer, bSyncer]) {
      expect(await syncer.stop()).toBe(0);
      expect(syncer.complaints()).toEqual([]);
    }
  });
});
