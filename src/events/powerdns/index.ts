export { PdnsApi, type PdnsApiOptions } from './api.ts';
export type { PdnsCache } from './cache.ts';
export { ControlSocket, type ControlSocketOptions } from './control-socket.ts';
export { PdnsConsumer, pdnsDelivery } from './delivery.ts';
export { FLUSH_LIMITS, type FlushLimits, type FlushPlan, FlushPlanner } from './flush-plan.ts';
export { ZoneTable } from './zone-table.ts';
