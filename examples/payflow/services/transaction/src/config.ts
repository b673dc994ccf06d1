import { AMOUNT_MINOR_MAX } from '@payflow-app/contracts'
import {
  amqpUrlVariable,
  httpUrlVariable,
  integerVariable,
  portVariable,
  postgresUrlVariable,
  serviceKeyVariables,
} from '@payflow-app/service-kit'

const HOUR_MS = 3_600_000

/** What transaction-service reads from the environment. */
export const transactionVariables = {
  PORT: portVariable.default(3002),
  /** The database of payments, shared with the worker and the reversal job. */
  DATABASE_URL: postgresUrlVariable,
  RABBITMQ_URL: amqpUrlVariable,
  WALLET_URL: httpUrlVariable,
  /** Where auth-service publishes the keys of access tokens. */
  JWKS_URL: httpUrlVariable,
  ...serviceKeyVariables('transaction'),
  /** How long a call to wallet-service may take. */
  WALLET_TIMEOUT_MS: integerVariable(100, 60_000).default(3_000),
  /**
   * How long the money of a payment stays reserved. Longer than the longest leash of the reversal
   * job, so that a hold without a payment row frees itself and one with a row is never too short.
   */
  HOLD_EXPIRES_MS: integerVariable(HOUR_MS, 720 * HOUR_MS).default(24 * HOUR_MS),
  /**
   * The most that one top-up or one withdrawal may move, in minor units. $10,000.00: far more than
   * anybody needs to try a wallet, and so little that a slip of two digits is refused, not moved.
   */
  TOP_UP_MAX_MINOR: integerVariable(1, AMOUNT_MINOR_MAX).default(1_000_000),
  WITHDRAWAL_MAX_MINOR: integerVariable(1, AMOUNT_MINOR_MAX).default(1_000_000),
  /** Streams of events that are open at a time: in this process, and of one user. */
  EVENT_STREAMS_MAX: integerVariable(1, 100_000).default(1_000),
  EVENT_STREAMS_PER_USER_MAX: integerVariable(1, 1_000).default(10),
  /** How long a stream stays open at most; whoever still waits then connects again. */
  EVENT_STREAM_MAX_MS: integerVariable(100, 3_600_000).default(300_000),
  EVENT_HEARTBEAT_MS: integerVariable(10, 60_000).default(15_000),
  /** How often the service looks at how payments as a whole are doing. */
  FLOW_INTERVAL_MS: integerVariable(50, 60_000).default(5_000),
}
