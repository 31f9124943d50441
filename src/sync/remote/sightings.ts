import type { SnapshotName } from '../../snapshot/index.ts';
import { type Report, refOf } from '../status/index.ts';

/** Tells of what a listing shows that the one before it did not: instances that came or went, newer objects of peers. */
export class Sightings {
  readonly #report: Report;
  readonly #ownInstanceId: string;
  #instances = '';
  /** The newest object that was told, by instance. */
  #newest = new Map<string, string>();

  constructor(ownInstanceId: string, report: Report) {
    this.#ownInstanceId = ownInstanceId;
    this.#report = report;
  }

  /** @param newest the newest object of each instance in the listing */
  listed(newest: readonly SnapshotName[]): void {
    const instanceIds = newest.map(({ instanceId }) => instanceId).sort();
    const instances = instanceIds.join(' ');
    if (instances !== this.#instances) this.#report({ type: 'instances', instanceIds });
    this.#instances = instances;
    const told = new Map<string, string>();
    for (const name of newest) {
      if (name.instanceId === this.#ownInstanceId) continue;
      if (this.#newest.get(name.instanceId) !== name.full) this.#report({ type: 'seen', object: refOf(name) });
      told.set(name.instanceId, name.full);
    }
    this.#newest = told;
  }
}
