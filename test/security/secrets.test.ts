import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { run } from '../cli/harness.ts';
import { base64Secret, holdsSecret, SECRET_MARK, secret } from '../support/secrets.ts';
import { temporaryFolder } from '../support/temporary.ts';

/** Every place of a configuration that can hold a secret, each with one of its own. */
const SPECIFIC = {
  s3: { bucket: 'b', region: 'us-east-1', access_key: `AKIA${secret('id')}`, secret_key: secret('key') },
  azure: { container: 'c', account_name: 'a', account_key: base64Secret(64) },
};
/** Nobody listens there. */
const ENDPOINT = `http://user:${secret('password')}@127.0.0.1:1/path?sig=${secret('sas')}`;

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
        expect(holdsSecret(text), command.join(' ')).toBe(false);
      }
    }
  },
  240_000,
);

it('a configuration that is refused is not shown, whatever is wrong with it', async () => {
  const folder = temporaryFolder();
  const file = join(folder, 'a.yaml');
  for (const broken of [
    'storage: {type: s3, options: {secret_key: "PLANTEDSECRET\n',
    'storage: {type: s3, options: {secret_key: [PLANTEDSECRET]}}',
    'storage: {type: s3, options: {bucket: b, secret_key: {a: PLANTEDSECRET}}}',
    'storage:\n  options:\n  secret_key: PLANTEDSECRET\n   x',
  ]) {
    writeFileSync(file, broken);
    const { code, stdout, stderr } = await run(['--config', file, 'snapshots', 'list']);
    expect(code).not.toBe(0);
    expect(`${stdout}${stderr}`).not.toContain(SECRET_MARK);
  }
});
