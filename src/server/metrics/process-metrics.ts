import { readdirSync } from 'node:fs';
import type { Registry } from 'prom-client';
import { PROCESS } from './definitions.ts';
import { createInstruments, type Instruments } from './instruments.ts';

/**
 * What every process is asked. Not prom-client's own set: that measures the event loop with a timer of 100 Hz, and an idle
 * lmdbstream should use no CPU.
 */
export class ProcessMetrics {
  readonly #metrics: Instruments<typeof PROCESS>;
  #cpuSeconds = 0;

  constructor(registry: Registry) {
    this.#metrics = createInstruments(PROCESS, registry);
    this.#metrics.started.set(Math.round(Date.now() - process.uptime() * 1000) / 1000);
    this.#metrics.node.set({ version: process.version }, 1);
  }

  collect(): void {
    const { user, system } = process.cpuUsage();
    const cpuSeconds = (user + system) / 1e6;
    this.#metrics.cpu.inc(Math.max(0, cpuSeconds - this.#cpuSeconds));
    this.#cpuSeconds = cpuSeconds;
    const { rss, heapUsed } = process.memoryUsage();
    this.#metrics.memory.set(rss);
    this.#metrics.heapUsed.set(heapUsed);
    const openFiles = countOpenFiles();
    if (openFiles !== undefined) this.#metrics.openFiles.set(openFiles);
  }
}

function countOpenFiles(): number | undefined {
  try {
    return readdirSync('/proc/self/fd').length;
  } catch {
    return undefined;
  }
}
