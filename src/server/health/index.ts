/** `/healthz`: trackers as pure data, judged when somebody asks. */
export { type HealthAnswer, healthAnswer, type ProcessFacts } from './answer.ts';
export { Health, type HealthReport, healthStatus } from './health.ts';
