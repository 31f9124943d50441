import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { PowerDns } from '../test/support/application/pdns.ts';
import { freePorts } from '../test/support/servers/processes.ts';
import { startSeaweedfs } from '../test/support/servers/seaweedfs.ts';
import { Product, type ProductOptions } from './product.ts';
import { durationText, median } from './statistics.ts';
import type { Workplace } from './workplace.ts';

/** How long one kind of change took each time, in ms: from the end of `pdnsutil` on A to the right answer of B. */
export interface Visible {
  readonly what: string;
  readonly tookMs: readonly number[];
}

interface Machine {
  readonly pdns: PowerDns;
  readonly product: Product;
}

/** Name, type, and the answer; `any`: some answer. */
type Wanted = readonly [name: string, type: string, wanted: string];

const ROUNDS = 10;
/** Longer than PowerDNS remembers by itself, but for zones: a change that nobody tells of is then seen too. */
const LIMIT_MS = 120_000;
const ASK_EVERY_MS = 5;

/**
 * `npm run bench -- --pdns`: two real PowerDNS servers with their default caches, each asked for every name before. Prints how long a
 * change takes from one to the other, over a folder and over SeaweedFS.
 */
export async function benchPdns(place: Workplace): Promise<void> {
  const folder = await measureVisible(place, { type: 'fs', options: { root_path: place.fresh() } });
  const seaweedfs = await startSeaweedfs();
  try {
    const { endpointUrl, admin } = seaweedfs;
    const s3 = () => ({
      type: 's3',
      options: {
        endpoint_url: endpointUrl,
        access_key: admin.accessKey,
        secret_key: admin.secretKey,
        bucket: `bench-${randomBytes(4).toString('hex')}`,
        create_bucket: true,
      },
    });
    const polled = await measureVisible(place, s3());
    const [port] = await freePorts(1);
    const address = `127.0.0.1:${port}`;
    const hinted = await measureVisible(place, s3(), {
      a: { peers: [`http://${address}`] },
      b: { http: { address } },
    });
    print({ 'a folder': folder, 'SeaweedFS, storage_poll_interval 1s': polled, 'SeaweedFS with peers': hinted });
  } finally {
    await seaweedfs.stop();
  }
}

async function measureVisible(
  place: Workplace,
  bucket: ProductOptions['bucket'],
  more: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {},
): Promise<readonly Visible[]> {
  const machines: Machine[] = [];
  try {
    for (const name of ['a', 'b']) machines.push(await startMachine(place, name, bucket, more[name]));
    const [a, b] = machines as [Machine, Machine];
    const tooks = new Map<string, number[]>();
    const change = async (what: string, [name, type, wanted]: Wanted, util: () => Promise<unknown>): Promise<void> => {
      for (const { pdns } of machines) await pdns.answers(name, type);
      await util();
      const doneMs = performance.now();
      while (!isWanted(wanted, await b.pdns.answers(name, type))) {
        if (performance.now() - doneMs > LIMIT_MS) throw new Error(`${what} was not seen within ${LIMIT_MS} ms`);
        await pause(ASK_EVERY_MS);
      }
      tooks.set(what, [...(tooks.get(what) ?? []), performance.now() - doneMs]);
    };
    const newZone = (what: string, zone: string): Promise<void> =>
      change(what, [`www.${zone}`, 'A', '192.0.2.1'], () => a.pdns.loadZone(zone, 'www 300 IN A 192.0.2.1'));
    await newZone('the first, which waits for all to start', 'first.example');
    tooks.clear();
    for (let round = 0; round < ROUNDS; round++) {
      const zone = `zone${round}.example`;
      const [www, added] = [`www.${zone}`, `new.${zone}`];
      const replaced = (name: string, address: string) => () =>
        a.pdns.util('replace-rrset', zone, name, 'A', '300', address);
      await newZone('new zone', zone);
      await change('changed record', [www, 'A', '192.0.2.2'], replaced('www', '192.0.2.2'));
      await change('added record', [added, 'A', '192.0.2.3'], replaced('new', '192.0.2.3'));
      await change('deleted record', [added, 'A', ''], () => a.pdns.util('delete-rrset', zone, 'new', 'A'));
      await change('new DNSSEC keys', [zone, 'DNSKEY', 'any'], () => a.pdns.util('secure-zone', zone));
      await change('deleted zone', [www, 'A', ''], () => a.pdns.util('delete-zone', zone));
    }
    return [...tooks].map(([what, tookMs]) => ({ what, tookMs }));
  } finally {
    for (const { product, pdns } of machines) {
      await product.stop();
      await pdns.stop();
    }
  }
}

async function startMachine(
  place: Workplace,
  name: string,
  bucket: ProductOptions['bucket'],
  more: Readonly<Record<string, unknown>> = {},
): Promise<Machine> {
  const pdns = await PowerDns.create(join(place.fresh(), 'pdns'), { caches: true });
  await pdns.start();
  const common = { options: { no_subdir: true, create: true }, dupsort_hack: true };
  const settings = {
    lmdbs: { main: { path: pdns.mainPath, ...common }, 'shard-0': { path: pdns.shardPath, ...common } },
    events: { powerdns: { control_socket: pdns.controlSocket } },
    ...more,
  };
  return { pdns, product: new Product({ folder: place.folder, instance: name, lmdbPath: '', bucket, settings }) };
}

function isWanted(wanted: string, answers: readonly string[]): boolean {
  return wanted === 'any' ? answers.length > 0 : answers.join(' ') === wanted;
}

function print(byWay: Readonly<Record<string, readonly Visible[]>>): void {
  for (const [way, rows] of Object.entries(byWay)) {
    console.log(`\nOver ${way}: until B answers, ${ROUNDS} times each`);
    console.log(`  ${'change on A'.padEnd(18)} ${'median'.padStart(9)} ${'longest'.padStart(9)}`);
    for (const { what, tookMs } of rows) {
      const cells = [median(tookMs), Math.max(...tookMs)].map((ms) => durationText(ms).padStart(9));
      console.log(`  ${what.padEnd(18)} ${cells.join(' ')}`);
    }
  }
}
