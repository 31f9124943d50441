/** What is PowerDNS's own: its schema version and its keys. Pure; opens no LMDB. */

export { isOn, type PdnsConf, parsePdnsConf } from './conf.ts';
export { DuplicateZones } from './duplicate-zones.ts';
export { assertSchemaUnchanged, PdnsSchemaChangedError, SchemaGuard, schemaVersionIn } from './guard.ts';
export { fullName, isPdnsIndex, type PdnsChange, type PdnsTable, pdnsChangeOf } from './keys.ts';
export { FIRST_NATIVE_SCHEMA, PDNS_DBI, releasesOf, SCHEMA_VERSION_KEY, schemaVersionOf } from './schema.ts';
