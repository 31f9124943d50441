/** Tells applications what changed: each consumer in its file, behind one interface. */
export { type Consumer, Delivery, type DeliveryOptions, type DeliveryOutcome } from './consumer.ts';
export { EventConsumerError } from './errors.ts';
export { type ExecOptions, execDelivery } from './exec.ts';
export { type EventMessage, type KeyMessage, linesOf, messageOf } from './message.ts';
export { type OpenEventsOptions, type OpenedEvents, openEvents } from './open.ts';
export * from './powerdns/index.ts';
export { SocketConsumer } from './socket.ts';
export { readMarker, ToldMarkers, writeMarker } from './told-marker.ts';
export { SIGNATURE_HEADER, signatureOf, type WebhookOptions, webhookDelivery } from './webhook.ts';
