import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../support/temporary.ts';
import { type Machine, machine, texts } from './machine.ts';

const ROUNDS = 5;
const SAID = /Another process publishes under our instance name/;

describe('two processes under one instance name', () => {
  it('lose nothing of either, and both say so', async () => {
    const folder = temporaryFolder();
    const machines = await Promise.all(['a', 'b'].map((name) => machine(folder, name)));
    const syncers = machines.map((one) => one.start({ instance: 'same' }));
    for (const syncer of syncers) await syncer.says(/Opened LMDB/);
    const expected: Record<string, string> = {};
    const write = async ({ application }: Machine, key: string): Promise<void> => {
      expected[key] = key;
      await application.put('data', key, key);
    };
    for (let round = 0; round < ROUNDS; round++) {
      // At the same time, so that their objects cross.
      await Promise.all(machines.map((one, index) => write(one, `${'ab'[index]}-${round}`)));
      await machines[round % 2]!.application.put('data', 'shared', String(round));
      expected.shared = String(round);
      for (const { application } of machines) await texts(application, 'data', expected);
    }
    for (const syncer of syncers) await syncer.complains(SAID);
    // Both come and go: what one has left is found by the other.
    await syncers[0]!.kill();
    await write(machines[0]!, 'while it was down');
    await write(machines[1]!, 'while the other was down');
    const again = machines[0]!.start({ instance: 'same' });
    for (const { application } of machines) await texts(application, 'data', expected);
    const joiner = await machine(folder, 'c');
    joiner.start();
    await texts(joiner.application, 'data', expected);
    for (const syncer of [again, syncers[1]!]) {
      expect(await syncer.stop()).toBe(0);
      const errors = syncer.complaints().filter((line) => line.startsWith('{"level":"error"') && !SAID.test(line));
      expect(errors).toEqual([]);
    }
  }, 180_000);
});
