/** Milliseconds of the monotonic clock, which is the same one in every process of the machine. */
export const nowMs = () => Number(process.hrtime.bigint()) / 1e6;

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
