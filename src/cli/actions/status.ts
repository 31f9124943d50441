import { bucketPeers } from '../../inspect/index.ts';
import { toInstanceId } from '../../snapshot/index.ts';
import { SMALL_REQUEST_LIMIT_MS, withStorage } from '../bucket.ts';
import { StatusAnswerError } from '../errors.ts';
import { ExitCode } from '../exit-codes.ts';
import { jsonDocument, jsonTime } from '../json.ts';
import type { Session } from '../session.ts';
import { formatSize } from '../size-text.ts';
import type { ProcessStatus } from './process-status.ts';
import { readProcessStatus } from './process-status.ts';
import { processUrl } from './process-url.ts';

export interface StatusFlags {
  readonly bucket?: boolean;
  readonly json?: boolean;
}

/** What is known of one instance; null: this source does not tell. */
export interface PeerStatus {
  readonly instance: string;
  /** It is the configured instance of this machine. */
  readonly own: boolean;
  readonly newestObject: string;
  readonly newestTime: string;
  readonly ageSeconds: number;
  readonly behind: boolean | null;
  readonly lagSeconds: number | null;
  readonly objects: number | null;
  readonly sizeBytes: number | null;
}

export interface DatabaseStatusRow {
  readonly database: string;
  readonly phase: string | null;
  readonly lockWaitingSeconds: number | null;
  readonly peers: readonly PeerStatus[];
  readonly lastError: ProcessStatus['databases'][number]['lastError'];
}

export interface StatusReport {
  readonly source: 'process' | 'bucket';
  /** Where the process answers. */
  readonly address: string | null;
  readonly instance: string;
  readonly health: string | null;
  readonly time: string;
  readonly databases: readonly DatabaseStatusRow[];
}

/** Asks the running process; without one, or with `--bucket`, the bucket alone. Exit code 1: the process says that something is wrong. */
export async function status(session: Session, { bucket = false, json = false }: StatusFlags): Promise<void> {
  const { config, out, log } = session;
  let report: StatusReport | undefined;
  if (!bucket && config.http.address) {
    report = await askProcess(session, config.http.address);
    if (!report) log.warn('no process answers at http.address; asking the bucket', { address: config.http.address });
  }
  report ??= await askBucket(session);
  out.write(json ? jsonDocument(report) : reportText(report));
  const isBad = ({ phase }: DatabaseStatusRow): boolean => phase === 'failed';
  if (report.health === 'Unavailable' || report.databases.some(isBad)) session.exitWith(ExitCode.found);
}

async function askProcess({ config, io, signal }: Session, address: string): Promise<StatusReport | undefined> {
  const url = `${processUrl(address)}/api/status`;
  const answer = await readProcessStatus(url, signal);
  if (answer === 'nobody') return undefined;
  if (typeof answer === 'string') throw new StatusAnswerError(url, answer);
  const own = toInstanceId(config.instance);
  const nowMs = io.now();
  return {
    source: 'process',
    address,
    instance: answer.instance,
    health: answer.health,
    time: new Date(nowMs).toISOString(),
    databases: answer.databases.map(({ name, phase, lockWaitingSeconds, peers, lastError }) => ({
      database: name,
      phase,
      lockWaitingSeconds,
      lastError,
      peers: peers.map((peer) => ({
        ...peer,
        own: peer.instance === own,
        ageSeconds: ageOf(Date.parse(peer.newestTime), nowMs),
        objects: null,
        sizeBytes: null,
      })),
    })),
  };
}

async function askBucket(session: Session): Promise<StatusReport> {
  const { config, io } = session;
  const nowMs = io.now();
  const own = toInstanceId(config.instance);
  const databases: DatabaseStatusRow[] = [];
  await withStorage(
    session,
    async (storage, signal) => {
      for (const database of [...config.lmdbs.keys()].sort()) {
        const peers = (await bucketPeers(database, storage, signal)).map((peer) => ({
          instance: peer.instance,
          own: peer.instance === own,
          newestObject: peer.newestObject,
          newestTime: jsonTime(peer.newestNano),
          ageSeconds: ageOf(Number(peer.newestNano / 1_000_000n), nowMs),
          behind: null,
          lagSeconds: null,
          objects: peer.objects,
          sizeBytes: peer.sizeBytes,
        }));
        databases.push({ database, phase: null, lockWaitingSeconds: null, peers, lastError: null });
      }
    },
    { limitMs: SMALL_REQUEST_LIMIT_MS },
  );
  const time = new Date(nowMs).toISOString();
  return { source: 'bucket', address: null, instance: config.instance, health: null, time, databases };
}

/** Whole seconds; below 0: its clock is ahead of ours. */
function ageOf(timeMs: number, nowMs: number): number {
  return Math.round((nowMs - timeMs) / 1000);
}

function reportText({ source, address, instance, health, databases }: StatusReport): string {
  let text =
    source === 'process'
      ? `instance ${instance}, by the process at ${address}: ${health}\n`
      : `instance ${instance}, by the bucket alone\n`;
  for (const { database, phase, lockWaitingSeconds, peers, lastError } of databases) {
    text += `\n${database}${phase === null ? '' : `: ${phase}`}\n`;
    if (lockWaitingSeconds !== null) text += `  waiting for the write lock for ${lockWaitingSeconds} s\n`;
    if (peers.length === 0) text += '  no objects in the bucket\n';
    for (const peer of peers) text += `  ${peerText(peer)}\n`;
    if (lastError) text += `  ${lastError.severity} at ${lastError.time}: ${lastError.message}\n`;
    if (lastError?.hint) text += `    ${lastError.hint}\n`;
  }
  return text;
}

function peerText(peer: PeerStatus): string {
  const parts = [
    `${peer.instance}${peer.own ? ' (this one)' : ''}:`,
    `newest ${peer.newestObject}, ${peer.ageSeconds} s old`,
  ];
  if (peer.objects !== null) parts.push(`${peer.objects} objects, ${formatSize(peer.sizeBytes ?? 0)}`);
  if (peer.behind) parts.push('not merged yet');
  if (peer.lagSeconds !== null) parts.push(`lag ${peer.lagSeconds} s`);
  return `${parts[0]} ${parts.slice(1).join(', ')}`;
}
