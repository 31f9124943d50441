// `npm run bench -- --start`: how long the installed program takes to start, against Node that does nothing; what it holds when idle; its
// size. Measured with the Node of the packages, from a folder outside of the project. Writes the table of docs/packages.md.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Environment } from '../dist/lmdb/index.js';
import { fetchPackage } from '../scripts/package/fetch.mjs';
import { makeApp, makeNpmFolder, runtimeOf } from '../scripts/package/index.mjs';
import { root } from '../scripts/processes.mjs';

const RUNS = 15;
const IDLE_MS = 3000;
/** For a program that never says what is waited for. */
const LIMIT_MS = 60_000;
const MARKS = /(<!-- Made by `npm run bench -- --start`\. -->\n\n)[\s\S]*?(\n<!-- End\. -->)/;

/** @returns {Promise<number>} the exit code; 0 also when a target is missed, for a bench is no test */
export async function benchStart() {
  const folder = mkdtempSync(join(tmpdir(), 'lmdbstream-start-'));
  const server = createServer(answerAsEmptyBucket);
  try {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
    const text = table(await measure(folder, port));
    console.log(text);
    const page = join(root, 'docs/packages.md');
    writeFileSync(
      page,
      readFileSync(page, 'utf8').replace(MARKS, (_, begin, end) => `${begin}${text}${end}`),
    );
    return 0;
  } finally {
    server.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * @param {string} folder
 * @param {number} port of a bucket
 */
async function measure(folder, port) {
  const { node: spec, integrity } = runtimeOf(process.arch);
  const node = join(fetchPackage(spec, integrity), 'bin/node');
  const app = join(folder, 'app');
  await makeApp(app, process.arch);
  const npm = join(folder, 'npm');
  await makeNpmFolder(npm);
  const koffi = ['koffi', '@koromix'].map((name) => sizeMb(join(root, 'node_modules', name)));
  const program = join(app, 'bin/lmdbstream.js');
  const unbundled = join(root, 'bin/lmdbstream.js');
  mkdirSync(join(folder, 'cache'));
  const env = { ...process.env, CACHE_DIRECTORY: join(folder, 'cache') };
  const s3 = {
    type: 's3',
    options: { endpoint_url: `http://127.0.0.1:${port}`, bucket: 'b', access_key: 'a', secret_key: 's' },
  };
  const places = {
    folder: configuration(folder, 'folder', { type: 'fs', options: { root_path: join(folder, 'bucket') } }),
    s3: configuration(folder, 's3', s3),
  };
  /** @param {string} config */
  const syncOf = (config) => ['--config', config, '--instance', 'a', 'sync'];
  const ended =
    (/** @type {string[]} */ ...args) =>
    () =>
      untilEnd(node, args, env);
  const opened = (/** @type {string} */ path, /** @type {string} */ config) => async () =>
    (await untilOpened(node, [path, ...syncOf(config)], env)).ms;
  const times = await medians({
    nodeMs: ended('-e', '0'),
    versionMs: ended(program, 'version'),
    folderMs: opened(program, places.folder),
    s3Ms: opened(program, places.s3),
    unbundledVersionMs: ended(unbundled, 'version'),
    unbundledFolderMs: opened(unbundled, places.folder),
    unbundledS3Ms: opened(unbundled, places.s3),
  });
  return {
    ...times,
    folderRssMb: (await untilOpened(node, [program, ...syncOf(places.folder)], env, IDLE_MS)).rssMb,
    s3RssMb: (await untilOpened(node, [program, ...syncOf(places.s3)], env, IDLE_MS)).rssMb,
    appMb: sizeMb(app),
    npmMb: koffi.reduce((sum, size) => sum + size, sizeMb(npm)),
    nodeMb: statSync(node).size / 1e6,
    nodeVersion: spec.split('@').at(-1) ?? '',
  };
}

/**
 * @param {string} folder
 * @param {string} name
 * @param {unknown} storage
 * @returns {string} its path
 */
function configuration(folder, name, storage) {
  const path = join(folder, `db-${name}`);
  for (const needed of [path, join(folder, 'bucket')]) mkdirSync(needed, { recursive: true });
  // The application's: sync waits for one that is not there.
  Environment.open(path, { create: true }).close();
  const file = join(folder, `${name}.yaml`);
  // JSON is YAML.
  writeFileSync(file, JSON.stringify({ lmdbs: { main: { path } }, storage }));
  return file;
}

/**
 * In turns, so that what else the machine does meets all of them; the first turn, which fills caches, does not count.
 * @template {string} Name
 * @param {Record<Name, () => Promise<number>>} jobs
 * @returns {Promise<Record<Name, number>>}
 */
async function medians(jobs) {
  const names = /** @type {Name[]} */ (Object.keys(jobs));
  /** @type {Map<Name, number[]>} */
  const values = new Map(names.map((name) => [name, []]));
  for (let run = 0; run <= RUNS; run++) {
    for (const name of names) {
      const ms = await jobs[name]();
      if (run > 0) values.get(name)?.push(ms);
    }
  }
  const middle = (/** @type {Name} */ name) => values.get(name)?.sort((a, b) => a - b)[RUNS >> 1];
  return /** @type {Record<Name, number>} */ (Object.fromEntries(names.map((name) => [name, middle(name)])));
}

/**
 * @param {string} command
 * @param {string[]} args
 * @param {NodeJS.ProcessEnv} env
 */
async function untilEnd(command, args, env) {
  const begin = performance.now();
  const child = spawn(command, args, { env, stdio: 'ignore' });
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}`);
  return performance.now() - begin;
}

/**
 * @param {string} command
 * @param {string[]} args
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<{ ms: number, rssMb: number }>} to the log line of the opened LMDB, and the resident memory so long after it
 */
async function untilOpened(command, args, env, idleMs = 0) {
  const begin = performance.now();
  const child = spawn(command, args, { env, stdio: ['ignore', 'ignore', 'pipe'], timeout: LIMIT_MS });
  const exited = once(child, 'exit');
  let said = '';
  const ms = await new Promise((resolve, reject) => {
    child.stderr.on('data', (chunk) => {
      said += chunk;
      if (said.includes('Opened LMDB')) resolve(performance.now() - begin);
    });
    child.on('exit', () => reject(new Error(`it ended before it had opened the LMDB:\n${said}`)));
  });
  if (idleMs > 0) await new Promise((resolve) => setTimeout(resolve, idleMs));
  const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
  const rssMb = Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) / 1024;
  child.kill('SIGTERM');
  await exited;
  return { ms, rssMb };
}

/** @type {import('node:http').RequestListener} */
function answerAsEmptyBucket(request, response) {
  request.resume();
  const body =
    '<?xml version="1.0"?><ListBucketResult><Name>b</Name><IsTruncated>false</IsTruncated></ListBucketResult>';
  response.writeHead(200, { 'content-type': 'application/xml' }).end(request.method === 'GET' ? body : '');
}

/** @param {string} folder */
function sizeMb(folder) {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return files.reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0) / 1e6;
}

/** @param {Awaited<ReturnType<typeof measure>>} figures */
function table(figures) {
  const ms = (/** @type {number} */ value) => `${value.toFixed(0)} ms`;
  const times = (/** @type {number} */ value) => `${(value / figures.nodeMs).toFixed(1)} ×`;
  const row = (/** @type {string[]} */ ...cells) => `| ${cells.join(' | ')} |`;
  const start = (/** @type {string} */ what, /** @type {number} */ bundled, /** @type {number} */ plain, target = '') =>
    row(what, ms(bundled), times(bundled), target, ms(plain));
  const [processor] = cpus();
  return `Node ${figures.nodeVersion}, ${cpus().length} cores, ${processor?.model.trim()}, median of ${RUNS} runs:

| | installed | × \`node -e 0\` | target | not bundled |
|---|---|---|---|---|
${row('`node -e 0`', ms(figures.nodeMs), '1', '', '')}
${start('`version`', figures.versionMs, figures.unbundledVersionMs, '2 ×')}
${start('`sync` to `Opened LMDB`, folder', figures.folderMs, figures.unbundledFolderMs, '4 ×')}
${start('`sync` to `Opened LMDB`, S3', figures.s3Ms, figures.unbundledS3Ms, '6 ×')}

| | | target |
|---|---|---|
${row('resident when idle, folder', `${figures.folderRssMb.toFixed(0)} MB`, '')}
${row('resident when idle, S3', `${figures.s3RssMb.toFixed(0)} MB`, '80 MB')}
${row('installed, without Node', `${figures.appMb.toFixed(1)} MB`, '70 MB')}
${row('installed by npm', `${figures.npmMb.toFixed(1)} MB`, '70 MB')}
${row('Node', `${figures.nodeMb.toFixed(0)} MB`, '')}
`;
}
