/** Flags of an entry (docs/format.md). */
export const ENTRY_DELETED = 0x01;
/** Flags that travel; others are masked away. */
export const ENTRY_FLAGS_MASK = ENTRY_DELETED;
