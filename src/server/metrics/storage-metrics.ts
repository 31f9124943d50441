import type { Registry } from 'prom-client';
import type { SyncEvent } from '../../sync/index.ts';
import { STORAGE_AZURE, STORAGE_S3 } from './definitions.ts';
import { createInstruments, type Instruments } from './instruments.ts';

/** Requests to a remote bucket: what a provider bills, and how it answers. A folder has no such metrics. */
export class StorageMetrics {
  readonly #s3: Instruments<typeof STORAGE_S3>;
  readonly #azure: Instruments<typeof STORAGE_AZURE>;

  constructor(registry: Registry) {
    this.#s3 = createInstruments(STORAGE_S3, registry);
    this.#azure = createInstruments(STORAGE_AZURE, registry);
  }

  apply(event: SyncEvent & { readonly type: 'storageCall' }): void {
    const { storage, method, errorLabel } = event;
    const calls = storage === 's3' ? this.#s3 : storage === 'azure' ? this.#azure : undefined;
    if (calls === undefined) return;
    calls.timestamp.set({ method }, event.atMs / 1000);
    calls.total.inc({ method });
    calls.duration.observe({ method }, event.durationMs / 1000);
    if (errorLabel === undefined) return;
    calls.errors.inc({ method });
    calls.errorsByType.inc({ method, error: errorLabel });
  }
}
