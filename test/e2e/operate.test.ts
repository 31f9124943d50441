import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkedJson } from '../cli/json-schema.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { machine, texts } from './machine.ts';
import { objectsOf, runProduct } from './product.ts';

describe('commands that read, beside a running sync and its application', () => {
  it('see the same, change nothing, and disturb nobody', async () => {
    const folder = temporaryFolder();
    const [a, b] = [await machine(folder, 'a'), await machine(folder, 'b')];
    await a.application.put('data', 'k', 'v');
    const syncers = [a.start(), b.start()];
    await syncers[0]!.says(/Stored snapshot/);
    await texts(b.application, 'data', { k: 'v' });
    const objects = objectsOf(join(folder, 'bucket'));
    const flags = ['--config', b.config, '--instance', 'b'];
    const verified = await runProduct([...flags, 'verify', '--json']);
    expect(verified).toMatchObject({ code: 0, stderr: '' });
    expect(checkedJson('verify', verified.stdout).databases[0].dbis).toMatchObject([{ dbi: 'data', entries: 1 }]);
    const examined = await runProduct([...flags, 'doctor', '--json', '--pdns-conf', b.config]);
    expect(examined.code).toBe(0);
    const { findings } = checkedJson('doctor', examined.stdout);
    expect(findings).toContainEqual(expect.objectContaining({ check: 'already-synced', level: 'info' }));
    const shown = await runProduct([...flags, 'status', '--json']);
    expect(shown).toMatchObject({ code: 0, stderr: '' });
    expect(checkedJson('status', shown.stdout).databases[0].peers).toMatchObject([{ instance: 'a', own: false }]);
    expect(objectsOf(join(folder, 'bucket'))).toEqual(objects);
    const compared = await runProduct([...flags, 'verify', 'lmdbs', a.path, b.path]);
    expect(compared).toMatchObject({ code: 0, stdout: expect.stringMatching(/^equal: /) });
    await a.application.put('data', 'k', 'later');
    await texts(b.application, 'data', { k: 'later' });
    for (const syncer of syncers) expect(syncer.complaints()).toEqual([]);
  });
});
