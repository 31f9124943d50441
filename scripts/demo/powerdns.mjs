import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { nowMs } from './clock.mjs';
import { compare } from './compare.mjs';
import { Application, freePort, start, startSync, until } from './processes.mjs';
import { bad, dim, good, heading, latencies, milliseconds, note, showComplaints, step } from './terminal.mjs';

const execute = promisify(execFile);

const COMMAND_LIMIT_MS = 20_000;
const WITHIN_MS = 30_000;
const ZONE = 'example.org';

/** A machine of the fleet: a PowerDNS of its own on the loopback, and lmdbstream beside it. */
class Machine {
  name;
  folder;
  port;
  server;
  sync;

  constructor(folder, name) {
    this.name = name;
    this.folder = join(folder, name.toLowerCase());
  }

  /** What PowerDNS keeps: zones, keys and metadata in one LMDB, records in the other. */
  get paths() {
    return { main: join(this.folder, 'pdns.lmdb'), 'shard-0': join(this.folder, 'pdns.lmdb-0') };
  }

  async start(bucket) {
    mkdirSync(this.folder);
    this.port = await freePort();
    writeFileSync(join(this.folder, 'pdns.conf'), powerDnsConfig(this.folder, this.port));
    const config = join(this.folder, 'lightningstream.yaml');
    writeFileSync(config, syncConfig(this.paths, bucket, join(this.folder, 'pdns.controlsocket')));
    this.server = start(`PowerDNS on ${this.name}`, 'pdns_server', [`--config-dir=${this.folder}`], this.folder);
    await this.#until(() => existsSync(this.paths.main), 'the LMDB of PowerDNS');
    await this.#until(
      async () => (await this.dig('test.invalid', 'SOA', '+noall', '+comments')).includes('status:'),
      'PowerDNS',
    );
    this.sync = startSync(config, this.name);
  }

  /** Runs `pdnsutil`. @returns when it was done */
  async util(...args) {
    try {
      await execute('pdnsutil', [`--config-dir=${this.folder}`, ...args], { timeout: COMMAND_LIMIT_MS });
    } catch ({ stderr, stdout }) {
      throw new Error(`pdnsutil ${args.join(' ')} on ${this.name}: ${stderr}${stdout}`);
    }
    return nowMs();
  }

  loadZone(zone, records) {
    const soa = `@ 3600 IN SOA ns1.${zone}. hostmaster.${zone}. 1 10800 3600 604800 3600`;
    const file = join(this.folder, `${zone}.zone`);
    writeFileSync(file, [`$ORIGIN ${zone}.`, soa, `@ 3600 IN NS ns1.${zone}.`, ...records, ''].join('\n'));
    return this.util('load-zone', zone, file);
  }

  /** The records this server answers with, sorted. */
  async answers(name, type) {
    return (await this.dig(name, type, '+short'))
      .split('\n')
      .filter((line) => line !== '')
      .sort();
  }

  /** Waits until this server answers so. @returns when */
  answersWith(name, type, expected) {
    const wanted = JSON.stringify(expected);
    return this.#until(
      async () => JSON.stringify(await this.answers(name, type)) === wanted,
      `${name} ${type} on ${this.name}`,
    );
  }

  async dig(name, type, ...options) {
    const args = ['@127.0.0.1', '-p', String(this.port), '+time=1', '+tries=1', ...options, name, type];
    // It exits with an error as long as nobody listens.
    const { stdout } = await execute('dig', args, { timeout: COMMAND_LIMIT_MS }).catch((error) => error);
    return String(stdout ?? '');
  }

  #until(condition, what) {
    return until(condition, what, { withinMs: WITHIN_MS, watch: [this.server, this.sync].filter((owned) => owned) });
  }
}

/** What docs/powerdns.md advises. The caches are PowerDNS's defaults: lmdbstream has it forget what changed. */
function powerDnsConfig(folder, port) {
  return `launch=lmdb
lmdb-filename=${join(folder, 'pdns.lmdb')}
lmdb-shards=1
lmdb-random-ids=yes
lmdb-map-size=64
local-address=127.0.0.1
local-port=${port}
socket-dir=${folder}
daemon=no
guardian=no
webserver=no
security-poll-suffix=
`;
}

function syncConfig(paths, bucket, controlSocket) {
  const lmdbs = Object.entries(paths).map(
    ([name, path]) =>
      `  ${name}: {path: ${path}, schema_tracks_changes: false, dupsort_hack: true, options: {no_subdir: true, create: true}}\n`,
  );
  return `lmdbs:
${lmdbs.join('')}storage: {type: fs, options: {root_path: ${bucket}}}
events: {powerdns: {control_socket: ${controlSocket}}}
`;
}

/** @param {string} folder to work in; removed by the caller @returns {Promise<boolean>} whether the LMDBs are equal at the end */
export async function runDemo(folder) {
  const bucket = join(folder, 'bucket');
  mkdirSync(bucket);
  const [a, b] = [new Machine(folder, 'A'), new Machine(folder, 'B')];
  heading('Two PowerDNS servers, and nothing between them but a bucket');
  for (const machine of [a, b]) {
    await machine.start(bucket);
    const { name, port, server, sync } = machine;
    step(
      `${name}  127.0.0.1:${port}, ${machine.paths.main}`,
      dim(`PowerDNS: pid ${server.child.pid}, lmdbstream: pid ${sync.child.pid}`),
    );
  }
  step(`   ${bucket}`, dim('the bucket; here a folder, elsewhere S3 or Azure'));

  /** @type {{ what: string, latencyMs: number }[]} */
  const shown = [];
  const travel = async (from, to, what, command, change, [name, type, expected]) => {
    // Asked before, so that both answers, and what does not exist, are in its caches.
    for (const machine of [from, to]) await machine.answers(name, type);
    const changedMs = await change();
    const latencyMs = (await to.answersWith(name, type, expected)) - changedMs;
    shown.push({ what, latencyMs });
    const outcome = expected.length === 0 ? 'answers nothing any more' : `answers ${short(expected)}`;
    step(`${from.name} pdnsutil ${command}`, `${to.name} ${outcome} after ${milliseconds(latencyMs)}`);
  };
  const change = (machine, to, what, args, answer) =>
    travel(machine, to, what, shortCommand(args), () => machine.util(...args), answer);
  const newZone = (from, to, zone, address) =>
    travel(from, to, 'new zone', `load-zone ${zone}`, () => from.loadZone(zone, [`www 300 IN A ${address}`]), [
      `www.${zone}`,
      'A',
      [address],
    ]);

  heading('Changes travel both ways');
  await newZone(a, b, ZONE, '192.0.2.1');
  // The first one waited for lmdbstream to start.
  shown.pop();
  note('the first one waited for both lmdbstreams to start');
  const [www, added] = [`www.${ZONE}`, `new.${ZONE}`];
  const changed = ['replace-rrset', ZONE, 'www', 'A', '300', '192.0.2.2'];
  await change(b, a, 'changed record', changed, [www, 'A', ['192.0.2.2']]);
  const more = ['add-record', ZONE, 'new', 'AAAA', '300', '2001:db8::1'];
  await change(b, a, 'added record', more, [added, 'AAAA', ['2001:db8::1']]);
  await change(a, b, 'deleted record', ['delete-rrset', ZONE, 'new', 'AAAA'], [added, 'AAAA', []]);

  heading('DNSSEC: a zone signed on A has the same key on B');
  for (const machine of [a, b]) await machine.answers(ZONE, 'DNSKEY');
  const signedMs = await a.util('secure-zone', ZONE);
  const isSigned = async () => (await a.answers(ZONE, 'DNSKEY')).length > 0;
  await until(isSigned, 'a DNSKEY on A after secure-zone', { withinMs: WITHIN_MS, watch: [a.server, a.sync] });
  const keys = await a.answers(ZONE, 'DNSKEY');
  const latencyMs = (await b.answersWith(ZONE, 'DNSKEY', keys)) - signedMs;
  shown.push({ what: 'new DNSSEC keys', latencyMs });
  step(`A pdnsutil secure-zone ${ZONE}`, `B answers the same DNSKEY after ${milliseconds(latencyMs)}`);
  note(`${keys[0]?.slice(0, 90)}…`);

  heading('A whole zone comes and goes');
  const other = 'short.example';
  await newZone(b, a, other, '192.0.2.9');
  await change(a, b, 'deleted zone', ['delete-zone', other], [`www.${other}`, 'A', []]);

  heading('Seen at once, although PowerDNS caches as it does by default and every name was asked before');
  for (const { what, latencyMs: ms } of shown) step(what, milliseconds(ms));
  note('from the end of pdnsutil on one side to the answer of dig on the other');
  console.log(`  ${latencies(shown.map(({ latencyMs: ms }) => ms))}`);

  const equal = await expectEqual(a, b);
  showComplaints([a, b]);
  if (equal) howToGoOn();
  return equal;
}

const short = (answers) => answers.join(', ');
const shortCommand = ([command, zone, ...rest]) => [command, zone, ...rest.filter((word) => word !== '300')].join(' ');

async function expectEqual(a, b) {
  heading('All LMDBs compared, entry by entry');
  const entriesOf = async (path) => {
    const reader = new Application('the comparison');
    try {
      return await reader.ask({ do: 'entriesOf', path, noSubdir: true });
    } finally {
      await reader.stop();
    }
  };
  /** @type {{ name: string, differences: string[], entries: number }[]} */
  let results = [];
  await until(
    async () => {
      results = [];
      for (const [name, path] of Object.entries(a.paths)) {
        results.push({ name, ...compare(await entriesOf(path), await entriesOf(b.paths[name])) });
      }
      return results.every(({ differences }) => differences.length === 0);
    },
    'equality',
    { everyMs: 500, withinMs: 10_000, watch: [a.sync, b.sync, a.server, b.server] },
  ).catch(() => {});
  for (const { name, differences, entries } of results) {
    const verdict =
      differences.length === 0
        ? `${good('equal')}: ${entries} entries`
        : `${bad('NOT equal')}: ${differences.length} differences`;
    console.log(`  ${name.padEnd(8)} ${verdict}`);
    for (const difference of differences.slice(0, 10)) note(difference);
  }
  return results.length > 0 && results.every(({ differences }) => differences.length === 0);
}

function howToGoOn() {
  heading('Your own PowerDNS');
  console.log(`  pdns.conf needs one line before the first zone is made: lmdb-random-ids=yes
  lightningstream.yaml: examples/pdns.yaml, one entry for pdns.lmdb and one for each shard. Then on each machine, with a name of its own:

    node bin/lmdbstream.js --config lightningstream.yaml --instance $(hostname) sync

  docs/powerdns.md goes through it, with what to do and what not.`);
}
