import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  openEvents,
  type PdnsCache,
  PdnsConsumer,
  readMarker,
  ToldMarkers,
  writeMarker,
} from '../../src/events/index.ts';
import { silentLog } from '../../src/log/index.ts';
import { toldMarkerPath } from '../../src/paths/index.ts';
import { systemClock } from '../../src/sync/index.ts';
import { parse } from '../config/support.ts';
import { eventually } from '../support/eventually.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { change, record, zone } from './support.ts';

const never = new AbortController().signal;
const START = { origin: { kind: 'start' } } as const;

function dataFile(): string {
  const path = join(temporaryFolder(), 'data.mdb');
  writeFileSync(path, 'data');
  return path;
}

describe('the marker of what was told', () => {
  it('is read as it was written, for the same data file only', () => {
    const path = dataFile();
    expect(readMarker(path)).toBeUndefined();
    writeMarker(path, 17);
    expect(readMarker(path)).toBe(17);
    writeFileSync(`${path}.copy`, 'data');
    renameSync(`${path}.copy`, path);
    expect(readMarker(path), 'another file').toBeUndefined();
  });

  it.each(['', '{', '{}', '{"txnId":"1"}', '{"txnId":1.5,"file":"x"}', 'null'])(
    'tells nothing when it is %j',
    (text) => {
      const path = dataFile();
      writeFileSync(toldMarkerPath(path), text);
      expect(readMarker(path)).toBeUndefined();
    },
  );

  it('moves on with the consumer that is furthest behind', () => {
    const path = dataFile();
    const consumers = [{ name: 'exec' }, { name: 'webhook' }];
    const markers = new ToldMarkers({
      dataPaths: new Map([['main', path]]),
      consumers,
      known: new Map(),
      timer: () => ({ cancel: () => {} }),
      onFailed: () => {},
    });
    markers.told('exec', [change({}, { txnId: 5 })]);
    markers.flush();
    expect(readMarker(path), 'the other was told nothing').toBeUndefined();
    markers.told('webhook', [change({}, { txnId: 3 }), change({}, { txnId: 4 })]);
    markers.flush();
    expect(readMarker(path)).toBe(4);
  });

  it('that cannot be written is told once a database', () => {
    const path = dataFile();
    mkdirSync(`${toldMarkerPath(path)}.new`);
    const failed: string[] = [];
    const markers = new ToldMarkers({
      dataPaths: new Map([['main', path]]),
      consumers: [{ name: 'exec' }],
      known: new Map(),
      timer: () => ({ cancel: () => {} }),
      onFailed: (db) => failed.push(db),
    });
    for (const txnId of [1, 2]) {
      markers.told('exec', [change({}, { txnId })]);
      markers.flush();
    }
    expect(failed).toEqual(['main']);
  });
});

describe('opening the consumers', () => {
  const open = (events: object, folder = temporaryFolder()) => {
    const lmdbs = { main: { path: folder } };
    const config = parse(JSON.stringify({ instance: 'a', lmdbs, storage: { type: 'memory' }, events }));
    return openEvents({ config, databases: ['main'], log: silentLog });
  };

  it('opens nothing where none is configured', async () => {
    expect(await open({})).toBeUndefined();
  });

  it('a command is told, and what it was told is remembered; zones of the start are not for it', async () => {
    const folder = temporaryFolder();
    const dataPath = join(folder, 'data.mdb');
    writeFileSync(dataPath, 'data');
    const file = join(folder, 'told');
    const opened = (await open({ exec: { command: ['/bin/sh', '-c', `cat >> '${file}'`] } }, folder))!;
    expect(opened.changes).toEqual({ namesZones: false, toldTxnIds: new Map() });
    opened.offer(change({ domains_0: [zone('one.example', 1)] }, START));
    opened.offer(change({ d: undefined }, { txnId: 9 }));
    await eventually(() => existsSync(file) && readFileSync(file, 'utf8').endsWith('\n'), { what: 'told' });
    await opened.close();
    expect(readFileSync(file, 'utf8').split('\n')).toHaveLength(2);
    expect(readMarker(dataPath)).toBe(9);
    const again = (await open({ exec: { command: ['/bin/true'] } }, folder))!;
    expect(again.changes.toldTxnIds).toEqual(new Map([['main', 9]]));
    await again.close();
  });

  it('readers of a socket are told nothing of the time before', async () => {
    const folder = temporaryFolder();
    const opened = (await open({ socket: { path: join(folder, 's') } }, folder))!;
    expect(opened.changes).toEqual({ namesZones: false });
    await opened.close();
  });
});

describe('PowerDNS', () => {
  function consumer(maxKeys = 100) {
    const calls: string[] = [];
    let fails = 0;
    const cache: PdnsCache = {
      flush: async (name) => {
        if (fails-- > 0) throw new Error('not now');
        calls.push(name);
      },
      flushEverything: async () => void calls.push('everything'),
      notify: async (name) => void calls.push(`notify ${name}`),
    };
    const options = { maxKeys, clock: systemClock, log: silentLog, retryMs: 1, maxRetryMs: 1 };
    const pdns = new PdnsConsumer({ ...options, cache, notify: true });
    const failNext = (times: number): void => {
      fails = times;
    };
    return { pdns, calls, failNext };
  }

  it('zones of the start are learned, however many there are, and nothing is flushed for them', async () => {
    const { pdns, calls } = consumer(2);
    for (let id = 0; id < 10; id++) pdns.offer(change({ domains_0: [zone(`z${id}.example`, id)] }, START));
    pdns.offer(change({ records: [record(7, 'www')] }));
    await pdns.close(never);
    expect(calls).toEqual(['www.z7.example', 'notify z7.example']);
  });

  it('records that came before their zone are flushed when it is learned', async () => {
    const { pdns, calls } = consumer();
    pdns.offer(change({ records: [record(7, 'www')] }, { db: 'shard-0' }));
    await eventually(() => pdns.waiting === 0, { what: 'taken' });
    expect(calls).toEqual([]);
    pdns.offer(change({ domains_0: [zone('z7.example', 7)] }, START));
    await eventually(() => calls.length > 0, { what: 'flushed' });
    expect(calls[0]).toBe('z7.example');
    await pdns.close(never);
  });

  it('what failed is flushed again', async () => {
    const { pdns, calls, failNext } = consumer();
    failNext(2);
    pdns.offer(change({ domains_0: [zone('one.example', 1)] }));
    await eventually(() => calls.includes('one.example'), { what: 'flushed' });
    await pdns.close(never);
  });
});
