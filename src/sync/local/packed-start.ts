import type { PackedFill } from './fill-packing.ts';
import type { Held } from './held.ts';

/** What the first filling has packed, for as long as it is what the base shows. */
export class PackedStart {
  #fill: PackedFill | undefined;

  keep(fill: PackedFill | undefined): void {
    this.#fill = fill;
  }

  /** To be called whenever the base may have moved on. */
  check(base: Held | undefined): void {
    if (!base || !this.#fill?.isOf(base)) this.dispose();
  }

  /** @returns what is packed of the base, which the caller disposes of; once */
  take(base: Held | undefined): PackedFill | undefined {
    this.check(base);
    const fill = this.#fill;
    this.#fill = undefined;
    return fill;
  }

  dispose(): void {
    this.#fill?.dispose();
    this.#fill = undefined;
  }
}
