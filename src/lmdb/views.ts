declare const diesWithTransaction: unique symbol;

/**
 * Bytes that belong to a transaction: valid until it ends, and in a write transaction only until its next write.
 * A plain `Uint8Array` parameter that is kept must not be given one: `copyView` makes bytes that live on.
 */
export type TransactionView = Buffer & { readonly [diesWithTransaction]: true };

/** Bytes of one's own, safe to keep after the transaction. */
export function copyView(view: TransactionView): Buffer {
  return Buffer.from(view);
}
