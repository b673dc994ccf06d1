export { age, type Ages } from './age.ts'
export {
  auditAll,
  auditKeys,
  auditPayment,
  SOUND,
  type Audit,
  type Auditable,
  type KeyAudit,
  type PaymentFacts,
} from './audit.ts'
export {
  call,
  isRetryable,
  settle,
  User,
  type Answer,
  type Page,
  type Payment,
  type PaymentInput,
  type Wallet,
} from './client.ts'
