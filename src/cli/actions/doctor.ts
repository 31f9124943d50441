import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { checkBucket, checkLmdb, checkMachine, type Finding, Findings } from '../../inspect/index.ts';
import { type PdnsConf, parsePdnsConf } from '../../powerdns/index.ts';
import { timestampFromMilli } from '../../snapshot/index.ts';
import { SMALL_REQUEST_LIMIT_MS, withStorage } from '../bucket.ts';
import { LocalFileError } from '../errors.ts';
import { ExitCode } from '../exit-codes.ts';
import { jsonDocument } from '../json.ts';
import type { Session } from '../session.ts';

export interface DoctorFlags {
  readonly json?: boolean;
  readonly probeWrite?: boolean;
  readonly pdnsConf?: string;
}

const PDNS_CONFS = ['/etc/powerdns/pdns.conf', '/etc/pdns/pdns.conf', '/usr/local/etc/pdns/pdns.conf'];

/** Exit code 0: nothing that would fail; 1: an error was found. */
export async function doctor(session: Session, flags: DoctorFlags): Promise<void> {
  const { config, out, io } = session;
  const findings = new Findings();
  for (const warning of config.warnings) findings.warning('configuration', warning, 'see docs/configuration.md');
  const isContainer = existsSync('/.dockerenv') || existsSync('/run/.containerenv');
  if (checkMachine({ pid: io.pid, isContainer }, findings)) {
    const { apiUrl, controlSocket } = config.events.powerdns;
    const isTold = apiUrl !== '' || controlSocket !== '';
    const pdns = { lmdbs: [...config.lmdbs.values()], conf: pdnsConfOf(flags.pdnsConf), isTold };
    for (const [name, lmdb] of [...config.lmdbs].sort(([a], [b]) => (a < b ? -1 : 1))) {
      await checkLmdb(lmdb, findings.of(name), pdns);
    }
  }
  await checkStorage(session, flags, findings);
  const isHealthy = findings.all.every(({ level }) => level !== 'error');
  if (flags.json) out.write(jsonDocument({ healthy: isHealthy, findings: findings.all.map(findingJson) }));
  else out.write(findingsText(findings.all));
  if (!isHealthy) session.exitWith(ExitCode.found);
}

async function checkStorage(session: Session, { probeWrite = false }: DoctorFlags, findings: Findings): Promise<void> {
  const { config, io } = session;
  try {
    await withStorage(
      session,
      async (storage, signal) => {
        findings.ok('bucket-open', `the storage of type ${storage.type} can be opened`);
        const nowNano = timestampFromMilli(io.now());
        const databases = [...config.lmdbs.keys()].sort();
        const { instance } = config;
        const writesDeltas = config.deltas !== 'off';
        const checks = { databases, instance, writesDeltas, probesWriting: probeWrite, nowNano, signal };
        await checkBucket(storage, checks, findings);
      },
      { limitMs: SMALL_REQUEST_LIMIT_MS },
    );
  } catch (error) {
    session.signal.throwIfAborted();
    findings.failed('bucket-open', error);
  }
}

/** The file and those of its `include-dir`; undefined where there is none, or it may not be read. */
function pdnsConfOf(named: string | undefined): PdnsConf | undefined {
  const file = named ?? PDNS_CONFS.find((path) => existsSync(path));
  if (file === undefined) return undefined;
  try {
    const conf = parsePdnsConf(readFileSync(file, 'utf8'));
    const folder = conf.get('include-dir');
    if (!folder) return conf;
    const path = resolve(dirname(file), folder);
    return readdirSync(path)
      .filter((name) => name.endsWith('.conf'))
      .sort()
      .reduce((before, name) => parsePdnsConf(readFileSync(join(path, name), 'utf8'), before), conf);
  } catch (error) {
    if (named === undefined) return undefined;
    throw new LocalFileError('read', named, error);
  }
}

function findingJson({ check, level, database, message, hint }: Finding): object {
  return { check, level, database: database ?? null, message, hint: hint ?? null };
}

function findingsText(all: readonly Finding[]): string {
  let text = '';
  for (const { level, check, database, message, hint } of all) {
    text += `${level.padEnd(7)}  ${database === undefined ? '' : `${database}: `}${message} [${check}]\n`;
    if (hint !== undefined) text += `         ${hint}\n`;
  }
  const count = (wanted: Finding['level']): number => all.filter(({ level }) => level === wanted).length;
  return `${text}\n${count('error')} errors, ${count('warning')} warnings\n`;
}
