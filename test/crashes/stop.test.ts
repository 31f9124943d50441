import { describe, expect } from 'vitest';
import { Machine, s3Place } from '../e2e/buckets-machine.ts';
import { eventually } from '../support/eventually.ts';
import { FaultProxy, useSeaweedfs } from '../support/servers/index.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { errorsOf } from './crash-machine.ts';
import { isSoak, type Run, scenario, sized } from './scenario.ts';

const seaweedfs = await useSeaweedfs();
const AT_THE_SAME_TIME = 2;
/** Stopped at some moment of an upload that the bucket does not take. @returns how long the stop took */
async function stopOnce(machine: Machine, proxy: FaultProxy, { random }: Run, round: number): Promise<number> {
  await machine.application.put('data', 'k', `round ${round}`);
  const syncer = machine.start();
  const isRefused = (request: string): boolean =>
    request.startsWith('PUT') && request.includes(`main__${machine.name}__`);
  const before = proxy.requests.filter(isRefused).length;
  const refusals = 1 + Math.floor(random() * 3);
  await eventually(() => expect(proxy.requests.filter(isRefused).length).toBeGreaterThanOrEqual(before + refusals), {
    deadlineMs: 60_000,
    intervalMs: 10,
  });
  const startedMs = performance.now();
  expect(await syncer.stop()).toBe(0);
  expect(errorsOf(syncer)).toEqual([]);
  return performance.now() - startedMs;
}

describe('SIGTERM', () => {
  scenario(
    'while every upload is answered 429: the process ends, and the change goes out at the next start',
    async (run) => {
      const folder = temporaryFolder();
      const proxy = await FaultProxy.start(seaweedfs.endpointUrl);
      const place = s3Place(seaweedfs, { endpoint_url: proxy.url });
      const create = (name: string) => Machine.create(folder, name, { place });
      const machines = await Promise.all(Array.from({ length: AT_THE_SAME_TIME }, (_, index) => create(`m${index}`)));
      proxy.set({ kind: 'status', status: 429, match: (method, path) => method === 'PUT' && path.includes('main__') });
      try {
        const rounds = sized(10, 50) / AT_THE_SAME_TIME;
        const tookMs: number[] = [];
        const story = async (machine: Machine): Promise<void> => {
          for (let round = 0; round < rounds; round++) {
            tookMs.push(await stopOnce(machine, proxy, run, round));
            run.round();
          }
        };
        await Promise.all(machines.map(story));
        const longestMs = Math.max(...tookMs);
        run.figure('longest stop ms', Math.round(longestMs));
        // A second is usual, ten are allowed; an upload under way would be given half a minute, which must not happen here.
        expect(longestMs).toBeLessThan(isSoak ? 10_000 : 25_000);
        proxy.set();
        for (const machine of machines) machine.start();
        for (const machine of machines) await machine.has({ k: `round ${rounds - 1}` });
      } finally {
        await proxy.stop();
      }
    },
    180_000,
  );
});
