export { age, messageIdOf, type Ages } from './age.ts'
export {
  auditAll,
  auditEnds,
  auditKeys,
  auditPayment,
  fromBankMinor,
  postInLedger,
  SOUND,
  type Audit,
  type Auditable,
  type KeyAudit,
  type PaymentEnd,
  type PaymentFacts,
} from './audit.ts'
export { faultsOf, logIn, look, newPage, signIn } from './browser.ts'
export {
  call,
  isRetryable,
  PASSWORD,
  settle,
  User,
  type Answer,
  type Page,
  type Payment,
  type PaymentInput,
  type Wallet,
} from './client.ts'
