declare const dbiBrand: unique symbol;
/** A DBI handle; valid within the transaction that opened it. */
export type Dbi = number & { readonly [dbiBrand]: true };
