import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { parseConfig } from '../../src/config/index.ts';
import { silentLog } from '../../src/log/index.ts';
import { startServer } from '../../src/server/index.ts';
import { FakeSource, objectOf } from '../server/fake-source.ts';
import { copyPdnsFiles, copyPdnsObjects, setShards, writeLmdb } from '../support/pdns-files.ts';
import { NOW_MS, Workplace } from './harness.ts';
import { checkedJson, checkedLines, schemaNames } from './json-schema.ts';
import { initFor, zoneKey } from './pdns-workplace.ts';

let place: Workplace;
beforeEach(() => {
  place = new Workplace();
});
afterEach(() => place.remove());

const b = (text: string): Buffer => Buffer.from(text);

interface Finding {
  check: string;
  level: string;
  database: string | null;
  message: string;
}

describe('init', () => {
  it.each([
    ['pdns-4.7.3/before', 3, false],
    ['pdns-4.9.18/before', 2, true],
    ['pdns-5.1.5/before', 2, true],
  ])('finds main file, shards and schema of %s', async (name, count, native) => {
    const { main, config } = await initFor(place, name);
    const text = readFileSync(config, 'utf8');
    const { lmdbs, instance, events } = parseConfig(text);
    expect(events.powerdns.controlSocket).toBe('');
    const told = parseConfig(text.replace(/^#events:\n# {2}(.*)$/m, 'events:\n  $1')).events;
    expect(told.powerdns.controlSocket, 'the comment is right').toBe('/run/pdns/pdns.controlsocket');
    expect(instance).toBe('local');
    expect([...lmdbs.keys()]).toEqual(['main', 'shard-0', 'shard-1'].slice(0, count));
    for (const lmdb of lmdbs.values()) {
      expect(lmdb).toMatchObject({ schemaTracksChanges: native, dupsortHack: !native, options: { noSubdir: true } });
      expect(lmdb.path.startsWith(main)).toBe(true);
    }
    expect(await place.run(['-c', config, 'stats'])).toMatchObject({ code: 0, stderr: '' });
  });

  it('is for any LMDB, and prints where no file is named', async () => {
    place.fill('main', (transaction) => void transaction.openOrCreateDbi('pairs', 4));
    const path = place.lmdbPath('main');
    const s3 = await place.run(['init', path, '--bucket', 's3://b/fleet', '--name', 'app', '--region', 'eu-central-1']);
    expect(s3).toMatchObject({ code: 0, stderr: '' });
    const config = parseConfig(s3.stdout);
    expect(config.lmdbs.get('app')).toMatchObject({ path, dupsortHack: true, options: { noSubdir: false } });
    expect(config.storage).toMatchObject({ type: 's3', options: { bucket: 'b', globalPrefix: 'fleet/' } });
    const azure = await place.run(['init', path, '--bucket', 'azure://account/container']);
    expect(parseConfig(azure.stdout).storage).toMatchObject({ type: 'azure', options: { container: 'container' } });
  });

  it.each([
    ['a bucket that is none', ['{main}', '--bucket', 'bucket'], 2, /is no bucket\nHint: write file:/],
    ['no bucket', ['{main}'], 2, /--bucket/],
    ['no LMDB', ['/nowhere', '--bucket', 'file:///x'], 1, /there is no \/nowhere\nHint: start the application/],
    ['a folder without one', ['{bucket}', '--bucket', 'file:///x'], 1, /a folder without data.mdb/],
    ['a file that exists', ['{main}', '--bucket', 'file:///x', '-o', '{config}'], 1, /cannot write .*EEXIST/],
  ])('refuses %s', async (_, words, code, message) => {
    place.fill('main', () => {});
    const names: Record<string, string> = { main: place.lmdbPath('main'), bucket: place.bucket, config: place.config };
    const argv = words.map((word) => word.replace(/^\{(.*)\}$/, (_all, name: string) => names[name]!));
    const outcome = await place.run(['init', ...argv]);
    expect(outcome.code).toBe(code);
    expect(outcome.stderr).toMatch(message);
  });

  it('refuses a shard', async () => {
    const main = copyPdnsFiles('pdns-4.7.3/before', join(place.folder, 'pdns'));
    const outcome = await place.run(['init', `${main}-0`, '--bucket', 'file:///x']);
    expect(outcome).toMatchObject({ code: 1, stderr: expect.stringContaining('is a shard of PowerDNS') });
  });
});

describe('doctor', () => {
  async function doctor(config: string, conf = '') {
    const pdnsConf = place.file('pdns.conf', conf);
    const words = ['-c', config, 'doctor', '--json', '--pdns-conf', pdnsConf];
    const { code, stdout } = await place.run(words);
    const report = checkedJson('doctor', stdout);
    const of = (check: string): string[] =>
      report.findings
        .filter((finding: Finding) => finding.check === check)
        .map(({ level, message }: Finding) => `${level} ${message}`);
    return { code, report, of };
  }

  it.each(['pdns-4.7.3/after', 'pdns-4.9.18/after', 'pdns-5.1.5/after'])('has no errors for %s', async (name) => {
    const { config, main } = await initFor(place, name);
    const before = readFileSync(main);
    copyPdnsObjects(name.replace('/after', ''), place.bucket);
    const conf = 'zone-cache-refresh-interval=0\nlmdb-random-ids=yes\nlmdb-lightning-stream=yes # needed\n';
    const { code, report, of } = await doctor(config, conf);
    expect([code, report.healthy]).toEqual([0, true]);
    expect(report.findings.filter(({ level }: Finding) => level === 'error' || level === 'warning')).toEqual([]);
    expect(of('pdns-shards')[0]).toMatch(/^ok all \d shards/);
    expect(of('instance-name')[0]).toMatch(/^(?:ok|info) the .*instance local/);
    expect(readFileSync(main).equals(before)).toBe(true);
  });

  it('finds a wrong schema, shards that are missing, and settings of PowerDNS', async () => {
    const { config, main } = await initFor(place, 'pdns-4.9.18/before');
    setShards(main, 3);
    const text = readFileSync(config, 'utf8').replaceAll('schema_tracks_changes: true', 'schema_tracks_changes: false');
    const { code, of } = await doctor(place.file('wrong.yaml', text), 'query-cache-ttl=0\n');
    expect(code).toBe(1);
    expect(of('pdns-schema')).toEqual([expect.stringMatching(/^error schema 5 \(PowerDNS 4.8 or 4.9\) writes times/)]);
    expect(of('pdns-shards')).toEqual([
      expect.stringMatching(/^error not configured: .*pdns.lmdb-1, .*pdns.lmdb-2$/),
      expect.stringMatching(/^error the main file has 3 shards/),
    ]);
    expect(of('pdns-lightning-stream')[0]).toMatch(/^error /);
    expect(of('pdns-caches').some((line) => line.includes('query-cache-ttl is'))).toBe(true);
    expect(of('pdns-caches').some((line) => line.startsWith('warning zone-cache-refresh-interval is 300'))).toBe(true);
  });

  it('has nothing to say of caches where PowerDNS is told what changed', async () => {
    const { config } = await initFor(place, 'pdns-4.9.18/before');
    const told = `${readFileSync(config, 'utf8')}\nevents: {powerdns: {control_socket: /run/pdns.controlsocket}}\n`;
    const { of } = await doctor(place.file('told.yaml', told), 'query-cache-ttl=20\n');
    expect(of('pdns-caches')).toEqual(['ok PowerDNS is told what changed (events.powerdns)']);
  });

  it('finds zones that exist twice, and ids that are counted', async () => {
    const { config, main } = await initFor(place, 'pdns-4.9.18/before');
    writeLmdb(main, (transaction) => {
      const dbi = transaction.openDbi('domains_v5_0')!;
      for (const key of [...entriesKeys(transaction, dbi)]) transaction.delete(dbi, key);
      for (const id of [1, 2]) transaction.put(dbi, zoneKey('example\0twice\0', id), Buffer.alloc(24));
    });
    const { of } = await doctor(config);
    expect(of('pdns-zones-twice')).toEqual(['warning exist twice: twice.example']);
    expect(of('pdns-random-ids')).toEqual(['warning the ids of the 2 zones are counted, not random']);
  });

  it('finds keys that cannot be carried, and what cannot be opened', async () => {
    place.fill('main', (transaction) => {
      const dbi = transaction.openOrCreateDbi('pairs', 4);
      transaction.put(dbi, Buffer.alloc(300, 'k'), b('value'));
    });
    const config = readFileSync(place.config, 'utf8').replace(' }\n', ', dupsort_hack: true }\n');
    const { code, of } = await doctor(place.file('dup.yaml', config));
    expect(code).toBe(1);
    expect(of('content')).toEqual([expect.stringMatching(/^error DBI pairs holds a key of 300 bytes/)]);
    const plain = await doctor(place.config);
    expect(plain.of('content')).toEqual([expect.stringMatching(/^error DBI pairs has MDB_DUPSORT$/)]);
    const missing = new Workplace(['missing']);
    onTestFinished(() => missing.remove());
    expect((await doctor(missing.config)).of('lmdb-open')).toEqual([expect.stringMatching(/^error .*No such file/)]);
  });

  it('says that some Lightning Streams cannot be seen, where deltas would pass them by', async () => {
    place.fill('main', () => {});
    const unseen =
      'info a Lightning Stream that only receives, or has published nothing yet, leaves no object and cannot be seen';
    expect((await doctor(place.config)).of('mixed-fleet')).toEqual([unseen]);
    const off = place.file('off.yaml', `${readFileSync(place.config, 'utf8')}deltas: off\n`);
    expect((await doctor(off)).of('mixed-fleet')).toEqual([]);
    // One that writes is seen, and gets full snapshots.
    copyPdnsObjects('pdns-4.7.3', place.bucket);
    expect((await doctor(place.config)).of('mixed-fleet')).toEqual(['ok 1 instances, all of one kind']);
  });

  it('tries to store only when it is told to, and leaves nothing behind', async () => {
    place.fill('main', () => {});
    expect((await doctor(place.config)).of('bucket-store')).toEqual(['info storing and deleting were not tried']);
    const { stdout, code } = await place.run(['doctor', '--probe-write']);
    expect(code).toBe(0);
    expect(stdout).toContain('ok       objects can be stored [bucket-store]');
    expect(stdout).toContain('ok       objects can be deleted [bucket-delete]');
    expect((await place.run(['snapshots', 'list'])).stdout).toBe('');
  });

  it('tells that the bucket cannot be opened, and makes none', async () => {
    place.fill('main', () => {});
    const config = place.file('no.yaml', readFileSync(place.config, 'utf8').replace('/bucket', '/no-bucket'));
    const { code, of } = await doctor(config);
    expect([code, of('bucket-open')[0]?.slice(0, 5)]).toEqual([1, 'error']);
    expect(existsSync(join(place.folder, 'no-bucket'))).toBe(false);
  });

  it('tells everything else of a bucket that is too slow', async () => {
    place.fill('main', () => {});
    // It takes the request, and never answers.
    const server = createServer(() => {});
    const asked = once(server, 'request');
    await new Promise<void>((done) => void server.listen(0, '127.0.0.1', done));
    onTestFinished(() => server.closeAllConnections());
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    const options = `bucket: slow, endpoint_url: 'http://127.0.0.1:${port}', access_key: a, secret_key: b, init_timeout: 1h`;
    const config = place.file(
      's3.yaml',
      `lmdbs: { main: { path: ${place.lmdbPath('main')} } }\nstorage: { type: s3, options: { ${options} } }\n`,
    );
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
    const running = doctor(config);
    await asked;
    await vi.advanceTimersByTimeAsync(60_000);
    const { code, of } = await running;
    expect([code, of('bucket-open').at(-1)]).toEqual([1, 'error the storage did not answer within 1m0s']);
    expect(of('lmdb-open')).toEqual([expect.stringMatching(/^ok /)]);
  });

  it('ends with 3 when it could not look', async () => {
    expect(await place.run(['doctor', '--pdns-conf', '/nowhere'])).toMatchObject({ code: 3 });
    expect(await place.run(['doctor', '-c', '/nowhere'])).toMatchObject({ code: 3 });
  });
});

type Write = Parameters<Parameters<typeof writeLmdb>[1]>[0];

function entriesKeys(transaction: Write, dbi: NonNullable<ReturnType<Write['openDbi']>>): Buffer[] {
  const keys: Buffer[] = [];
  const cursor = transaction.cursor(dbi);
  while (cursor.next()) keys.push(cursor.key());
  cursor.close();
  return keys;
}

describe('status', () => {
  it('asks the bucket alone where no process is to answer', async () => {
    copyPdnsObjects('pdns-4.7.3', place.bucket);
    const { code, stdout, stderr } = await place.run(['status', '--json', '-i', 'local']);
    expect([code, stderr]).toEqual([0, '']);
    const report = checkedJson('status', stdout);
    expect(report).toMatchObject({ source: 'bucket', instance: 'local', health: null });
    expect(report.databases[0].peers).toEqual([
      expect.objectContaining({
        instance: 'local',
        own: true,
        objects: 1,
        newestTime: '2026-11-23T11:36:55.889252509Z',
      }),
    ]);
    expect(report.databases[0].peers[0].ageSeconds).toBe(1384);
    expect((await place.run(['status'])).stdout).toContain('local: newest main__local__20261123');
  });

  it('asks the running process, and the bucket when it is gone', async () => {
    const source = new FakeSource();
    const base = parseConfig(readFileSync(place.config, 'utf8'));
    const config = { ...base, http: { address: '127.0.0.1:0' } };
    const assetsFolder = pathToFileURL(`${place.folder}/`);
    const server = await startServer({ config, source, version: '1', log: silentLog, now: () => NOW_MS, assetsFolder });
    let isOpen = true;
    onTestFinished(async () => void (isOpen && (await server.close())));
    source.post({ type: 'phase', phase: 'running' });
    source.post({
      type: 'loaded',
      object: objectOf('there', NOW_MS - 5000),
      shortHash: '',
      sizeBytes: 10,
      entries: 1,
      written: 1,
      downloadMs: 1,
      mergeMs: 1,
    });
    const { host } = new URL(server.url);
    const file = place.file('http.yaml', `${readFileSync(place.config, 'utf8')}http: { address: '${host}' }\n`);
    const { stdout, stderr } = await place.run(['-c', file, 'status', '--json']);
    expect(stderr).toBe('');
    const report = checkedJson('status', stdout);
    expect(report).toMatchObject({ source: 'process', address: host, instance: 'here' });
    expect(report.databases[0]).toMatchObject({ database: 'main', phase: 'running' });
    expect(report.databases[0].peers).toMatchObject([{ instance: 'there', own: false, behind: false }]);
    expect(checkedJson('status', (await place.run(['-c', file, 'status', '--bucket', '--json'])).stdout).source).toBe(
      'bucket',
    );
    await server.close();
    isOpen = false;
    const gone = await place.run(['-c', file, 'status', '--json']);
    expect(gone.stderr).toContain('no process answers');
    expect(checkedJson('status', gone.stdout).source).toBe('bucket');
  });
});

describe('status of a process that answers nonsense', () => {
  it.each([
    ['no JSON', 'hello', /is not valid JSON/],
    ['a time that is none', JSON.stringify(answerWith('soon')), /a time was expected/],
  ])('%s', async (_, answer, message) => {
    const server = createServer((_request, response) => response.end(answer));
    await new Promise<void>((done) => void server.listen(0, '127.0.0.1', done));
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    const file = place.file(
      'http.yaml',
      `${readFileSync(place.config, 'utf8')}http: { address: '127.0.0.1:${port}' }\n`,
    );
    const { code, stderr } = await place.run(['-c', file, 'status']);
    expect([code, stderr]).toEqual([3, expect.stringMatching(message)]);
  });

  function answerWith(newestTime: string): object {
    const peer = { instance: 'there', newestObject: 'x', newestTime, behind: false, lagSeconds: null };
    const database = { name: 'main', phase: 'running', lockWaitingSeconds: null, peers: [peer], problems: [] };
    return { instance: 'here', health: { status: 'OK' }, databases: [database] };
  }
});

describe('--json', () => {
  it('has a schema for each command, and each of them is used', async () => {
    const verified = ['verify', 'verifyPair', 'status', 'doctor', 'migratePowerdns', 'watch'];
    expect([...schemaNames].sort()).toEqual([...verified, 'stats', 'dump', 'snapshotsList', 'snapshotsDump'].sort());
  });

  it('of stats, dump, snapshots list and snapshots dump', async () => {
    const { config } = await initFor(place, 'pdns-4.7.3/after');
    copyPdnsObjects('pdns-4.7.3', place.bucket);
    const print = async (...words: string[]): Promise<string> => {
      const outcome = await place.run(['-c', config, ...words, '--json']);
      expect(outcome).toMatchObject({ code: 0, stderr: '' });
      return outcome.stdout;
    };
    const stats = checkedJson('stats', await print('stats'));
    expect(stats.databases.map(({ database }: { database: string }) => database)).toEqual([
      'main',
      'shard-0',
      'shard-1',
    ]);
    const dumped = checkedLines('dump', await print('dump', '-n', 'shard-0', '--hide'));
    expect(dumped).toHaveLength(63);
    const objects = checkedLines('snapshotsList', await print('snapshots', 'list'));
    expect(objects.map(({ database }) => database)).toEqual(['main', 'shard-0', 'shard-1']);
    const lines = checkedLines('snapshotsDump', await print('snapshots', 'dump', objects[1]!.name));
    expect(lines[0].header).toMatchObject({ database: 'shard-0', instance: 'local', formatVersion: 3 });
    expect(lines[1]).toEqual({ dbi: 'records', transform: '', flags: '' });
    expect(lines).toHaveLength(2 + 63);
  });
});
