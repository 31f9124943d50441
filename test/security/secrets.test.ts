import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { run } from '../cli/harness.ts';
import { temporaryFolder } from '../support/temporary.ts';

/** Every place of a configuration that can hold a secret, each with one of its own. */
const SPECIFIC = {
  s3: { bucket: 'b', region: 'us-east-1', access_key: 'AKIAPLANTED-ACCESS', secret_key: 'PLANTED-SECRET' },
  azure: { container: 'c', account_name: 'a', account_key: Buffer.from('PLANTED-ACCOUNT').toString('base64') },
};
/** Nobody listens there. */
const ENDPOINT = 'http://user:PLANTED-PASSWORD@127.0.0.1:1/path?sig=PLANTED-QUERY';
const PLANTED = [/PLANTED/, new RegExp(SPECIFIC.azure.account_key)];

function configuration(type: keyof typeof SPECIFIC, more: object = {}): string {
  const folder = temporaryFolder();
  const file = join(folder, 'a.yaml');
  const options = { ...SPECIFIC[type], endpoint_url: ENDPOINT, ...more };
  const config = {
    instance: 'one',
    lmdbs: { main: { path: join(folder, 'db') } },
    storage: { type, options },
    storage_retry_count: 1,
    storage_retry_interval: '100ms',
    storage_retry_forever: false,
  };
  writeFileSync(file, JSON.stringify(config, undefined, 1));
  return file;
}

const COMMANDS = [['snapshots', 'list'], ['doctor'], ['status'], ['verify'], ['version'], ['stats']];

it.each(['s3', 'azure'] as const)(
  '%s: no command prints a secret, at the most talkative level',
  async (type) => {
    for (const more of [{}, { no_such_key: 1 }, { bucket: '' }]) {
      const file = configuration(type, more);
      for (const command of COMMANDS) {
        const flags = ['--config', file, '--log-level', 'debug', '--log-config'];
        const { stdout, stderr } = await run([...flags, ...command]);
        const text = `${stdout}${stderr}`;
        expect(text.length, command.join(' ')).toBeGreaterThan(0);
        for (const secret of PLANTED) expect(text, command.join(' ')).not.toMatch(secret);
      }
    }
  },
  240_000,
);

it('a configuration that is refused is not shown, whatever is wrong with it', async () => {
  const folder = temporaryFolder();
  const file = join(folder, 'a.yaml');
  for (const broken of [
    'storage: {type: s3, options: {secret_key: "PLANTED\n',
    'storage: {type: s3, options: {secret_key: [PLANTED]}}',
    'storage: {type: s3, options: {bucket: b, secret_key: {a: PLANTED}}}',
    'storage:\n  options:\n  secret_key: PLANTED\n   x',
  ]) {
    writeFileSync(file, broken);
    const { code, stdout, stderr } = await run(['--config', file, 'snapshots', 'list']);
    expect(code).not.toBe(0);
    expect(`${stdout}${stderr}`).not.toContain('PLANTED');
  }
});
