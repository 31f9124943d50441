import { getHeapStatistics } from 'node:v8';
import { type HealthReport, healthStatus } from './health.ts';

export interface ProcessFacts {
  readonly hostname: string;
  readonly version: string;
  /** ms since 1970 UTC of the server's start. */
  readonly startedMs: number;
}

/** What `/healthz` answers: the fields and words of Lightning Stream. */
export interface HealthAnswer {
  readonly ok: boolean;
  readonly has_warnings: boolean;
  readonly status: 'OK' | 'Warning' | 'Unavailable';
  readonly time: string;
  readonly since: string;
  readonly runtime: Readonly<Record<string, string | number>>;
  readonly failures: Readonly<Record<string, string>>;
  readonly warnings: Readonly<Record<string, string>>;
  readonly metadata: Readonly<Record<string, string | boolean>>;
}

export function healthAnswer(report: HealthReport, facts: ProcessFacts, nowMs: number): HealthAnswer {
  const { failures, warnings, startup } = report;
  const status = healthStatus(report);
  return {
    ok: status !== 'Unavailable',
    has_warnings: Object.keys(warnings).length > 0,
    status,
    time: new Date(nowMs).toISOString(),
    since: new Date(facts.startedMs).toISOString(),
    runtime: runtimeFacts(),
    failures,
    warnings,
    metadata: { hostname: facts.hostname, version: facts.version, ...startup },
  };
}

/** Go's names of architectures, as scripts compare them. */
const GO_ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386' };

/** The keys of Go's runtime where Node has the same thing; it has no goroutines and does not count heap objects. */
function runtimeFacts(): Readonly<Record<string, string | number>> {
  const heap = getHeapStatistics();
  return {
    arch: GO_ARCHITECTURES[process.arch] ?? process.arch,
    os: process.platform,
    version: process.version,
    alloc_bytes: heap.used_heap_size,
    total_alloc_bytes: heap.total_heap_size,
  };
}
