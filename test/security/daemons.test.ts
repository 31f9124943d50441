import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { azurePlace, Machine, type Place, placeWith, s3Place } from '../e2e/buckets-machine.ts';
import { eventually } from '../support/eventually.ts';
import { base64Secret, holdsSecret, secret } from '../support/secrets.ts';
import { useAzurite, useSeaweedfs } from '../support/servers/index.ts';
import { freePorts } from '../support/servers/processes.ts';
import { temporaryFolder } from '../support/temporary.ts';

const seaweedfs = await useSeaweedfs();
const azurite = await useAzurite();
const PATHS = ['', 'healthz', 'livez', 'metrics', 'storage', 'api/status', 'no/such/page'];
const WRONG = { s3: { secret_key: secret('wrong') }, azure: { account_key: `${base64Secret(60)}AAAA` } };
/** Nobody listens there. */
const NOWHERE = `http://user:${secret('password')}@127.0.0.1:1/`;

const PLACES: readonly [string, () => Place, RegExp, Record<string, string>?][] = [
  ['S3', () => s3Place(seaweedfs), /Stored snapshot/],
  ['S3 with a wrong key', () => placeWith(s3Place(seaweedfs), WRONG.s3), /"level":"(?:warning|error)"/],
  [
    'S3 that is not there',
    () => placeWith(s3Place(seaweedfs), { endpoint_url: NOWHERE }),
    /"level":"(?:warning|error)"/,
  ],
  [
    'S3 behind a proxy that is not there',
    () => placeWith(s3Place(seaweedfs), { endpoint_url: 'https://s3.example.org' }),
    /"level":"(?:warning|error)"/,
    { HTTPS_PROXY: NOWHERE, HTTP_PROXY: NOWHERE },
  ],
  ['Azure', () => azurePlace(azurite), /Stored snapshot/],
  ['Azure with a wrong key', () => placeWith(azurePlace(azurite), WRONG.azure), /"level":"(?:warning|error)"/],
  [
    'Azure with a shared access signature, that is not there',
    () => placeWith(azurePlace(azurite), { endpoint_url: `${NOWHERE}a?sv=2021&sig=${secret('sas')}` }),
    /"level":"(?:warning|error)"/,
  ],
];

describe('a daemon at its most talkative tells no secret, neither in its log nor over HTTP', () => {
  it.each(PLACES)('%s', async (_, placeOf, said, env = {}) => {
    const folder = temporaryFolder();
    const file = join(folder, 'secret');
    writeFileSync(file, `${secret('file')}\n`);
    const [port] = await freePorts(1);
    const machine = await Machine.create(folder, 'a', {
      place: placeOf(),
      more: {
        http: { address: `127.0.0.1:${port}` },
        events: { webhook: { url: `http://127.0.0.1:1/${secret('path')}`, secret_file: file } },
      },
    });
    await machine.application.put('data', 'k', '1');
    const syncer = machine.start({ env });
    await syncer.says(said, 60_000);
    await machine.application.put('data', 'k', '2');
    for (const path of PATHS) {
      // A process that may not open its bucket ends, and answers no more.
      const answer = async (): Promise<string> => {
        if (!syncer.isRunning) return 'it has ended';
        const response = await fetch(`http://127.0.0.1:${port}/${path}`);
        return `${JSON.stringify([...response.headers])}${await response.text()}`;
      };
      const text = await eventually(answer, { what: path });
      expect(text.length, path).toBeGreaterThan(10);
      expect(holdsSecret(text), path).toBe(false);
    }
    await syncer.stop();
    expect(syncer.output.length).toBeGreaterThan(100);
    expect(holdsSecret(syncer.output)).toBe(false);
  });
});
