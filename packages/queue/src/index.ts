/**
 * A RabbitMQ consumer that acknowledges only after the commit, with a transactional inbox and outbox
 * in PostgreSQL.
 *
 * @packageDocumentation
 */
export { createBus } from './bus.ts'
export { deadLetter, retryAfter } from './consumer/outcome.ts'
export type { DeadLetterSignal, RetryAfterSignal } from './consumer/outcome.ts'
export * from './errors.ts'
export type {
  BusEvent,
  ConnectionPurpose,
  DeliveryRef,
  HandlerAtWork,
  ParkReason,
} from './events.ts'
export type {
  BatchContext,
  BatchHandler,
  DeliveryContext,
  HandlerTransaction,
  OneStepHandler,
  TransactionContext,
  TwoStepHandler,
} from './handler.ts'
export { defineMessage } from './message.ts'
export type {
  DefineMessageOptions,
  MessageData,
  MessageDefinition,
  MessageInput,
  ReceivedMessage,
} from './message.ts'
export { createQueueMigrations, migrateQueue } from './migrations/index.ts'
export type { MigrationOptions } from './migrations/index.ts'
export type {
  BatchOptions,
  BrokerCredentials,
  BrokerOptions,
  BusOptions,
  Connect,
  ConsumerOptions,
  IsolationLevel,
  Logger,
  Probe,
  QueueBinding,
  RetryOptions,
  TopologyOptions,
} from './options.ts'
export type {
  ConsumerAccount,
  Difference,
  ListParkedOptions,
  OutboxAccount,
  OutboxFilter,
  ParkedFilter,
  ParkedMessage,
  ParkedMessageDetail,
  ParkedMessages,
  ParkedPage,
  ParkedRow,
  ParkedRows,
  PlanStep,
  Reconciliation,
  RecommendedPolicy,
  RedriveOptions,
  RedriveProgress,
  RedriveResult,
  RequeueOptions,
  SweepOptions,
  SweepResult,
  RetryPlan,
  TopologyPlan,
} from './operator/types.ts'
export type {
  ConfirmedRow,
  HandlerOutbox,
  Outbox,
  OutboxExecutor,
  Published,
  PublishOptions,
  Relay,
  RelayHealth,
  RelayOptions,
} from './outbox/types.ts'
export type {
  SchemaInput,
  SchemaOutput,
  StandardSchemaIssue,
  StandardSchemaResult,
  StandardSchemaV1,
} from './standard-schema.ts'
export type {
  BusTelemetry,
  ConsumedRef,
  IncomingRef,
  ObservedBus,
  OutgoingRef,
  RelayedRef,
  TraceHeaders,
} from './telemetry.ts'
export type {
  BlockedLane,
  Bus,
  BusHealth,
  ConnectionHealth,
  Consumer,
  ConsumerCounts,
  ConsumerHealth,
  ConsumerState,
  DrainResult,
  LanesHealth,
  LoopHealth,
  OutboxDepth,
  QueueDepth,
  Topology,
} from './types.ts'
