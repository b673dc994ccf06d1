/**
 * The contracts of PayFlow: every body that crosses a process boundary, and the constants that
 * several processes must agree on. Safe in a browser; message definitions, which need the queue
 * package, are in `@payflow-app/contracts/messages`.
 *
 * @packageDocumentation
 */
export {
  loginRequest,
  meView,
  recipientPage,
  recipientView,
  registerRequest,
  sessionView,
  userSearchQuery,
  userView,
  type LoginRequest,
  type MeView,
  type RecipientPage,
  type RecipientView,
  type RegisterRequest,
  type SessionView,
  type UserSearchQuery,
  type UserView,
} from './auth.ts'
export { contactView, type ContactView } from './contact.ts'
export {
  amountField,
  currencyField,
  cursorField,
  emailField,
  idempotencyKeyField,
  idField,
  instantField,
  limitField,
  moneyField,
  nameField,
  noteField,
  pageOf,
  textField,
} from './fields.ts'
export {
  AMOUNT_MINOR_MAX,
  BODY_BYTES_MAX,
  CURSOR_CHARS_MAX,
  EMAIL_CHARS_MAX,
  IDEMPOTENCY_KEY_CHARS_MAX,
  NAME_CHARS_MAX,
  NOTE_CHARS_MAX,
  PAGE_ITEMS_DEFAULT,
  PAGE_ITEMS_MAX,
  PASSWORD_CHARS_MAX,
  PASSWORD_CHARS_MIN,
  REQUEST_ID_CHARS_MAX,
  USER_QUERY_CHARS_MAX,
  USER_QUERY_CHARS_MIN,
  USER_SEARCH_ITEMS_MAX,
} from './limits.ts'
export {
  EXCHANGE,
  PASSWORD_CHANGERS,
  passwordChangedData,
  passwordResetRequestedData,
  paymentCompletedData,
  paymentExecuteData,
  paymentFailedData,
  QUEUES,
  userLockedData,
  type PasswordChangedData,
  type PasswordResetRequestedData,
  type PaymentCompletedData,
  type PaymentExecuteData,
  type PaymentFailedData,
  type UserLockedData,
} from './message-data.ts'
export {
  NOTIFICATION_KINDS,
  notificationListQuery,
  notificationPage,
  notificationView,
  type NotificationKind,
  type NotificationListQuery,
  type NotificationPage,
  type NotificationView,
} from './notifications.ts'
export {
  isPaymentEnd,
  isPaymentHistory,
  PAYMENT_EVENT_TYPES,
  PAYMENT_HISTORIES,
  paymentEventView,
  type PaymentEventType,
  type PaymentEventView,
} from './payment-events.ts'
export {
  FLOW_ALARM,
  PAYMENT_FLOWS,
  paymentFlow,
  statusView,
  type FlowFacts,
  type PaymentFlow,
  type StatusView,
} from './payment-flow.ts'
export {
  isProblemCode,
  PROBLEM_TYPE_BASE,
  PROBLEMS,
  problemType,
  type ProblemCode,
} from './problem-codes.ts'
export { problemField, problemSchema, type Problem, type ProblemField } from './problem.ts'
export { QUEUE_BANDS, queueBand, type QueueBand } from './queue-bands.ts'
export {
  ACCEPTED_MESSAGE,
  CURRENCIES,
  FAILURE_CODES,
  PAYMENT_KINDS,
  PAYMENT_STATUSES,
  RESOLVERS,
  SANDBOX_BANK_ID,
  type Currency,
  type FailureCode,
  type PaymentKind,
  type PaymentStatus,
  type Resolver,
} from './statuses.ts'
export {
  acceptedTransaction,
  createTransactionRequest,
  fundsRequest,
  idParams,
  transactionListQuery,
  transactionPage,
  transactionView,
  type AcceptedTransaction,
  type CreateTransactionRequest,
  type FundsRequest,
  type IdParams,
  type TransactionListQuery,
  type TransactionPage,
  type TransactionView,
} from './transactions.ts'
export {
  HELD_KINDS,
  holdRequest,
  holdView,
  openWalletRequest,
  postTransferRequest,
  postTransferView,
  releaseView,
  walletView,
  type HeldKind,
  type HoldRequest,
  type HoldView,
  type OpenWalletRequest,
  type PostTransferRequest,
  type PostTransferView,
  type ReleaseView,
  type WalletView,
} from './wallets.ts'
