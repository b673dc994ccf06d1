/**
 * For tests of the services: starts them as the processes they are.
 *
 * @packageDocumentation
 */
export { startService, type RunningService } from './start-service.ts'
export {
  callerAt,
  forgedTokenOf,
  newSecrets,
  newServiceKeys,
  serviceTokenOf,
  type Secrets,
  type ServiceKeys,
} from './secrets.ts'
export { startTraceCollector, type CollectedSpan, type TraceCollector } from './trace-collector.ts'
