/** So many are kept in mind that no listing shows: one may yet come late. */
const MOST_UNREAD = 1000;

/**
 * Objects that we stored and that nobody has read: a peer that follows needs no compacted delta, so whether it is in the bucket as it
 * was sent is known only when its writer has read it back. Until then it stands for no other object (I10).
 */
export class Unread {
  /** By name, the digest of what was sent; oldest first. */
  readonly #digests = new Map<string, string>();

  sent(full: string, digest: string): void {
    this.#digests.set(full, digest);
  }

  has(full: string): boolean {
    return this.#digests.has(full);
  }

  digestOf(full: string): string | undefined {
    return this.#digests.get(full);
  }

  /** It was read back, or is no more. */
  settled(full: string): void {
    this.#digests.delete(full);
  }

  /** To be called after a listing. */
  noteListing(listed: Iterable<string>): void {
    if (this.#digests.size <= MOST_UNREAD) return;
    const shown = new Set(listed);
    for (const full of this.#digests.keys()) {
      if (this.#digests.size <= MOST_UNREAD) return;
      if (!shown.has(full)) this.#digests.delete(full);
    }
  }
}
